//! Stops a process group when this process is gone: by Ctrl-C, `kill -9`, or CI's time limit, when nothing is dropped.

use std::{
    os::unix::process::CommandExt,
    process::{Child, Command, Stdio},
};

use anyhow::{Context, Result};

/// A shell that waits for the end of a pipe, which the system closes however this process ends.
#[derive(Debug)]
pub(super) struct Guardian {
    shell: Child,
}

impl Guardian {
    /// Watches over the group of this number.
    pub(super) fn of(group: u32) -> Result<Self> {
        let shell = Command::new("sh")
            .args(["-c", r#"read -r _; kill -9 "-$0""#, &group.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Out of reach of the Ctrl-C that ends this process.
            .process_group(0)
            .spawn()
            .context("cannot start sh")?;
        Ok(Self { shell })
    }
}

impl Drop for Guardian {
    fn drop(&mut self) {
        // Before its pipe is closed: the group may be gone by now, and its number somebody else's.
        let _ = self.shell.kill();
        let _ = self.shell.wait();
    }
}

#[cfg(test)]
mod tests {
    use std::{os::unix::process::ExitStatusExt, time::Duration};

    use super::*;

    /// If this fails, Ctrl-C in a test run leaves a Kafka behind.
    #[test]
    fn a_group_ends_with_the_pipe() {
        let mut child = Command::new("sleep").arg("60").process_group(0).spawn().expect("sleep starts");
        let mut guardian = Guardian::of(child.id()).expect("sh starts");
        // As the system does it when this process dies.
        drop(guardian.shell.stdin.take());
        let status = (0..1_000).find_map(|_| {
            std::thread::sleep(Duration::from_millis(10));
            child.try_wait().expect("the child is ours")
        });
        let _ = child.kill();
        assert_eq!(status.and_then(|status| status.signal()), Some(9));
    }
}
