//! A Kafka that does not let everybody in: listeners with TLS, with SASL, with both, one that advertises a name that nobody knows, and
//! access control.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use super::{
    PATIENCE,
    broker::{CLUSTER_ID, java, run_tool},
    client, jars,
};
use crate::{
    ports,
    process::{self, Process},
};

/// Who is known to the listener with SASL, and by which password.
pub const USER: (&str, &str) = ("alice", "alice-pass");

/// The name that one listener advertises, which no machine has.
pub const UNKNOWN_NAME: &str = "f43be2dafb3b.invalid";

/// A running broker; stopped, and its data deleted, when dropped. Each address is `host:port`.
#[derive(Debug)]
pub struct SecuredKafka {
    // Stopped before its data goes.
    process: Process,
    /// Takes everybody, as the brokers themselves, who may do everything.
    pub plain: String,
    /// Takes [`USER`] alone, who may do what was [granted](SecuredKafka::grant).
    pub sasl: String,
    /// Speaks TLS, with a certificate that nobody has signed.
    pub tls: String,
    /// Takes [`USER`] alone, over TLS: as managed clusters do.
    pub sasl_tls: String,
    /// The authority that has signed the certificate: itself, as PEM.
    pub authority: PathBuf,
    /// Says that the broker is at [`UNKNOWN_NAME`].
    pub advertised: String,
    _data: TempDir,
}

impl SecuredKafka {
    /// Starts it, and waits until it answers.
    ///
    /// # Errors
    ///
    /// When Java or Maven is missing, or Kafka does not come up; its own words are in the error.
    pub fn start() -> Result<Self> {
        let (jars, data) = (jars::folder()?, tempfile::tempdir()?);
        let store = data.path().join("keys.p12");
        let authority = make_key(&store)?;
        let [plain, sasl, tls, sasl_tls] = [ports::free()?, ports::free()?, ports::free()?, ports::free()?];
        let [advertised, controller] = [ports::free()?, ports::free()?];
        let properties = data.path().join("server.properties");
        let log = data.path().join("log");
        let text = format!(
            "process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=INT://127.0.0.1:{plain},SASL_PLAINTEXT://127.0.0.1:{sasl},SSL://127.0.0.1:{tls},SASL_SSL://127.0.0.1:{sasl_tls},ADV://127.0.0.1:{advertised},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=INT://127.0.0.1:{plain},SASL_PLAINTEXT://127.0.0.1:{sasl},SSL://127.0.0.1:{tls},SASL_SSL://127.0.0.1:{sasl_tls},ADV://{UNKNOWN_NAME}:9092
inter.broker.listener.name=INT
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,INT:PLAINTEXT,ADV:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT,SSL:SSL,SASL_SSL:SASL_SSL
sasl.enabled.mechanisms=PLAIN
listener.name.sasl_plaintext.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_{user}=\"{password}\";
listener.name.sasl_ssl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_{user}=\"{password}\";
ssl.keystore.location={store}
ssl.keystore.password={PASSWORD}
ssl.keystore.type=PKCS12
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
allow.everyone.if.no.acl.found=false
log.dirs={log}
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
auto.create.topics.enable=false
",
            user = USER.0,
            password = USER.1,
            store = store.display(),
            log = log.display()
        );
        fs::write(&properties, text)?;
        let mut format = java(&jars, &["kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c"]);
        process::run(format.arg(&properties), PATIENCE)?
            .expect_code(0)
            .context("Kafka's storage could not be formatted")?;
        let process = Process::start(java(&jars, &["kafka.Kafka"]).arg(&properties))?;
        let of = |port: u16| format!("127.0.0.1:{port}");
        let (plain, sasl, tls, advertised) = (of(plain), of(sasl), of(tls), of(advertised));
        let sasl_tls = of(sasl_tls);
        let mut kafka = Self { process, plain, sasl, tls, sasl_tls, authority, advertised, _data: data };
        kafka.wait_until_ready()?;
        Ok(kafka)
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let begun = Instant::now();
        while !client::all_answer(&self.plain, 1) {
            ensure!(self.process.is_running()?, "Kafka has ended: {}", self.process.text());
            ensure!(begun.elapsed() < PATIENCE, "Kafka did not come up: {}", self.process.text());
        }
        Ok(())
    }

    /// Makes a topic.
    ///
    /// # Errors
    ///
    /// Kafka's.
    pub fn create_topic(&self, topic: &str) -> Result<()> {
        client::create_topic(&self.plain, topic, 1)
    }

    /// Lets [`USER`] do `operation` with a resource, as `--topic orders`.
    ///
    /// # Errors
    ///
    /// The tool's.
    pub fn grant(&self, operation: &str, resource: [&str; 2]) -> Result<()> {
        let principal = format!("User:{}", USER.0);
        let [kind, name] = resource;
        run_tool(
            &jars::folder()?,
            &[
                "org.apache.kafka.tools.AclCommand",
                "--bootstrap-server",
                &self.plain,
                "--add",
                "--allow-principal",
                &principal,
                "--operation",
                operation,
                kind,
                name,
            ],
        )
    }
}

/// Of the key store; it guards nothing.
const PASSWORD: &str = "changeit";

/// Makes a key and a certificate that is signed by itself; gives the certificate's file.
fn make_key(store: &Path) -> Result<PathBuf> {
    let mut keytool = Command::new("keytool");
    keytool.args(["-genkeypair", "-alias", "k", "-keyalg", "RSA", "-ext", "SAN=ip:127.0.0.1", "-storetype", "PKCS12"]);
    keytool.args(["-storepass", PASSWORD, "-keypass", PASSWORD, "-dname", "CN=localhost", "-keystore"]).arg(store);
    process::run(&mut keytool, PATIENCE)?.expect_code(0).context("keytool comes with Java")?;
    let authority = store.with_extension("pem");
    let mut keytool = Command::new("keytool");
    keytool.args(["-exportcert", "-rfc", "-alias", "k", "-storepass", PASSWORD, "-keystore"]).arg(store);
    process::run(keytool.arg("-file").arg(&authority), PATIENCE)?.expect_code(0).context("the certificate")?;
    Ok(authority)
}
