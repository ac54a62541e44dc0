//! The jars of Apache Kafka, fetched once by Maven and kept under the target directory.

use std::{fs, path::Path, path::PathBuf, process::Command, time::Duration};

use anyhow::{Context, Result, bail};

use crate::{checkout, process};

/// The release of Kafka that the tests run against.
pub const VERSION: &str = "4.3.0";

/// The folder with Kafka's jars, filled first if this is the first use.
///
/// # Errors
///
/// When Maven is missing or cannot fetch them. There is no way around: without Kafka the suite has not passed.
pub(super) fn folder() -> Result<PathBuf> {
    let cache = checkout::target_directory()?.join("kafka");
    let jars = cache.join(VERSION);
    if jars.is_dir() {
        return Ok(jars);
    }
    fs::create_dir_all(&cache)?;
    // Fetched beside the final place and renamed, so that an interrupted run leaves no half-filled cache.
    let scratch = tempfile::tempdir_in(&cache)?;
    fetch(scratch.path())?;
    match fs::rename(scratch.path().join("jars"), &jars) {
        // Another process was faster.
        Err(_) if jars.is_dir() => Ok(jars),
        renamed => renamed.map(|()| jars).context("cannot keep Kafka's jars"),
    }
}

fn fetch(scratch: &Path) -> Result<()> {
    fs::write(scratch.join("pom.xml"), pom())?;
    let mut maven = Command::new("mvn");
    maven.current_dir(scratch).args([
        "-q",
        "-B",
        "-f",
        "pom.xml",
        "dependency:copy-dependencies",
        "-DoutputDirectory=jars",
        "-DincludeScope=runtime",
    ]);
    let ended = process::run(&mut maven, Duration::from_secs(15 * 60))
        .context(
            "Maven fetches Kafka's jars; install it (Debian: apt-get install maven) and see that `mvn` is on PATH",
        )?
        .expect_code(0)
        .context("Maven could not fetch Kafka's jars")?;
    let jars = scratch.join("jars");
    if !jars.join(format!("kafka_2.13-{VERSION}.jar")).is_file() {
        bail!("Maven ended well but left no Kafka in {}:\n{}", jars.display(), ended.text());
    }
    Ok(())
}

fn pom() -> String {
    format!(
        r#"<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion><groupId>local</groupId><artifactId>kafka</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{VERSION}</version></dependency>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka-tools</artifactId><version>{VERSION}</version></dependency>
    <dependency><groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId><version>2.24.3</version></dependency>
  </dependencies>
</project>
"#
    )
}
