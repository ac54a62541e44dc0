//! Where an app's running broker is, left in the app's folder for its other processes.
//!
//! The folder may come from git or out of an archive, and this file with it. So it is believed only as far as it can be
//! checked: that it names a port of this machine, and a process of this user's.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, ErrorKind, Read as _, Write as _},
    net::{Ipv4Addr, SocketAddrV4, TcpStream},
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::{
    fs::{AtFlags, Mode, OFlags},
    process::{Pid, test_kill_process},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::EmbeddedBroker;

/// Where a running embedded broker can be found, as it stands in `.karafka/broker.json` of an app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beacon {
    /// `127.0.0.1:40213`
    pub address: String,
    /// The process that it lives in.
    pub pid: u32,
    /// Its topics and their partitions.
    #[serde(default)]
    pub topics: BTreeMap<String, i32>,
}

/// Why what a `.karafka/broker.json` says is not believed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UntrustedBeacon {
    /// It is a link, a pipe or the like, or is reached through one.
    #[error("`.karafka/broker.json` is not believed: it, or `.karafka`, is a link or no file")]
    NoFile,
    /// It is not what a broker leaves.
    #[error("`.karafka/broker.json` is not believed: it is not what a broker leaves")]
    Unreadable,
    /// It names another machine.
    #[error(
        "`.karafka/broker.json` is not believed: it names {0:?}, and a development broker is at a port of 127.0.0.1"
    )]
    Elsewhere(String),
    /// It names a process that is not there, or another user's.
    #[error("`.karafka/broker.json` is not believed: process {0} is not one of this user's on this machine")]
    Process(u32),
}

const FOLDER: &str = ".karafka";
const FILE: &str = "broker.json";

/// The most that a beacon takes: ten thousand topics with long names.
const MOST: u64 = 4 << 20;

impl Beacon {
    /// The file under an app's folder.
    #[must_use]
    pub fn path(root: &Path) -> PathBuf {
        root.join(FOLDER).join(FILE)
    }

    /// Tells where `broker` is.
    #[must_use]
    pub fn of(broker: &EmbeddedBroker) -> Self {
        Self {
            address: broker.address.clone(),
            pid: std::process::id(),
            topics: broker.topics.iter().cloned().collect(),
        }
    }

    /// Leaves it for other processes.
    ///
    /// # Errors
    ///
    /// When the file cannot be written, or `.karafka` is a link.
    pub fn leave(&self, root: &Path) -> io::Result<()> {
        let is_new = match fs::create_dir(root.join(FOLDER)) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
            made => made.is_ok(),
        };
        let folder = open_folder(root).map_err(|error| match error.kind() {
            ErrorKind::NotADirectory => io::Error::new(error.kind(), format!("`{FOLDER}` is a link, or no folder")),
            _ => error,
        })?;
        // Renamed into place: nobody reads half an address. Exclusive, under a name that nobody can guess: it writes into
        // nothing that lies there.
        let draft = format!("{FILE}.{}", Uuid::new_v4().simple());
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        if is_new {
            // The crate's own list of what git leaves out may not have it.
            let mut ignore = File::from(rustix::fs::openat(&folder, ".gitignore", flags, Mode::from_raw_mode(0o666))?);
            ignore.write_all(b"*\n")?;
        }
        let mut file = File::from(rustix::fs::openat(&folder, &draft, flags, Mode::from_raw_mode(0o666))?);
        file.write_all(&serde_json::to_vec(self)?)?;
        Ok(rustix::fs::renameat(&folder, &draft, &folder, FILE)?)
    }

    /// The beacon of a broker that answers; `None` if there is none, or what is there is of a process that has gone.
    ///
    /// # Errors
    ///
    /// [`UntrustedBeacon`] when the file says what no broker on this machine would.
    pub fn find(root: &Path) -> Result<Option<Self>, UntrustedBeacon> {
        let Some(beacon) = Self::read(root)? else { return Ok(None) };
        let address = match beacon.address.parse::<SocketAddrV4>() {
            Ok(address) if *address.ip() == Ipv4Addr::LOCALHOST && address.port() != 0 => address,
            _ => return Err(UntrustedBeacon::Elsewhere(beacon.address.chars().take(100).collect())),
        };
        let answers = TcpStream::connect_timeout(&address.into(), Duration::from_millis(300)).is_ok();
        if !answers {
            return Ok(None);
        }
        // Somebody answers. If it is not the process that is named, it may be anything: a tunnel to a real broker.
        let pid = i32::try_from(beacon.pid).ok().and_then(Pid::from_raw);
        if pid.is_none_or(|pid| test_kill_process(pid).is_err()) {
            return Err(UntrustedBeacon::Process(beacon.pid));
        }
        Ok(Some(beacon))
    }

    /// Takes the file away, if it is still this process's.
    pub fn remove(root: &Path) {
        let Ok(Some(beacon)) = Self::read(root) else { return };
        if beacon.pid == std::process::id()
            && let Ok(folder) = open_folder(root)
        {
            let _ = rustix::fs::unlinkat(folder, FILE, AtFlags::empty());
        }
    }

    fn read(root: &Path) -> Result<Option<Self>, UntrustedBeacon> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let opened = open_folder(root).and_then(|folder| Ok(rustix::fs::openat(folder, FILE, flags, Mode::empty())?));
        let file = match opened {
            Ok(file) => File::from(file),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            // With what no link does, as a folder without the right to look into it.
            Err(_) => return Err(UntrustedBeacon::NoFile),
        };
        if !file.metadata().is_ok_and(|found| found.is_file()) {
            return Err(UntrustedBeacon::NoFile);
        }
        let mut bytes = Vec::new();
        file.take(MOST + 1).read_to_end(&mut bytes).map_err(|_| UntrustedBeacon::Unreadable)?;
        if bytes.len() as u64 > MOST {
            return Err(UntrustedBeacon::Unreadable);
        }
        serde_json::from_slice(&bytes).map(Some).map_err(|_| UntrustedBeacon::Unreadable)
    }
}

/// The app's folder for what processes leave, if it is a folder and no link to one.
fn open_folder(root: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(File::from(rustix::fs::open(root.join(FOLDER), flags, Mode::empty())?))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn find(root: &Path) -> Option<Beacon> {
        Beacon::find(root).expect("it is believed")
    }

    /// If this fails, `karafka send` and a second process do not find the running broker, or find one that has gone.
    #[test]
    fn a_beacon_is_found_while_its_broker_answers() {
        let root = tempfile::tempdir().expect("a folder");
        assert_eq!(find(root.path()), None);
        let broker = EmbeddedBroker::start(&[("orders".to_owned(), 4)]).expect("a broker");
        let beacon = Beacon::of(&broker);
        beacon.leave(root.path()).expect("written");
        assert_eq!(find(root.path()), Some(beacon));
        let names: Vec<_> = fs::read_dir(root.path().join(FOLDER)).expect("a folder").flatten().collect();
        assert_eq!(names.len(), 2, "a draft is left behind: {names:?}");
        let ignored = fs::read_to_string(root.path().join(FOLDER).join(".gitignore")).expect("a file");
        assert_eq!(ignored, "*\n", "a crate of somebody's own gets a file that git asks about");
        Beacon::remove(root.path());
        assert_eq!(find(root.path()), None);

        let gone = Beacon { address: "127.0.0.1:1".to_owned(), pid: 1, topics: BTreeMap::new() };
        gone.leave(root.path()).expect("written");
        assert_eq!(find(root.path()), None, "nobody answers there");
        Beacon::remove(root.path());
        assert!(Beacon::path(root.path()).exists(), "another process's beacon is not ours to take away");
    }

    /// If this fails, a file that came with a checkout sends an app's messages to another machine, or to whatever listens
    /// at a port of this one; or it makes every command hang.
    #[test]
    fn what_a_checkout_brings_is_not_believed() {
        let folder = tempfile::tempdir().expect("a folder");
        let somebody = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = somebody.local_addr().expect("an address").port();
        let me = std::process::id();
        let says = |address: &str, pid: u32| format!(r#"{{"address":{address:?},"pid":{pid}}}"#);
        let check = |name: &str, make: &dyn Fn(&Path), expected: &str| {
            let root = folder.path().join(name);
            fs::create_dir_all(&root).expect("a folder");
            make(&root);
            let found = format!("{:?}", Beacon::find(&root));
            assert!(found.starts_with(expected), "{name}: {found}");
            Beacon::remove(&root);
            assert!(root.join(FOLDER).symlink_metadata().is_ok(), "{name}");
        };
        let write = |root: &Path, text: &str| {
            fs::create_dir_all(root.join(FOLDER)).expect("a folder");
            fs::write(Beacon::path(root), text).expect("written");
        };
        let good = says(&format!("127.0.0.1:{port}"), me);
        for (name, address) in [
            ("name", format!("kafka.example.org:{port}")),
            ("localhost", format!("localhost:{port}")),
            ("other-loopback", format!("127.0.0.2:{port}")),
            ("any", format!("0.0.0.0:{port}")),
            ("v6", format!("[::1]:{port}")),
            ("list", format!("127.0.0.1:{port},10.0.0.1:9092")),
            ("no-port", "127.0.0.1:0".to_owned()),
        ] {
            check(name, &|root| write(root, &says(&address, me)), "Err(Elsewhere(");
        }
        for (name, pid) in [("none", 0), ("no-process", i32::MAX as u32), ("no-pid", u32::MAX)] {
            let text = says(&format!("127.0.0.1:{port}"), pid);
            check(name, &|root| write(root, &text), "Err(Process(");
        }
        check("empty", &|root| write(root, ""), "Err(Unreadable)");
        check("large", &|root| write(root, &format!("{good}{}", " ".repeat(MOST as usize))), "Err(Unreadable)");
        let elsewhere = folder.path().join("elsewhere");
        write(&elsewhere, &good);
        check(
            "folder-link",
            &|root| symlink(elsewhere.join(FOLDER), root.join(FOLDER)).expect("a link"),
            "Err(NoFile)",
        );
        check(
            "file-link",
            &|root| {
                fs::create_dir(root.join(FOLDER)).expect("a folder");
                symlink(Beacon::path(&elsewhere), Beacon::path(root)).expect("a link");
            },
            "Err(NoFile)",
        );
        check(
            "pipe",
            &|root| {
                fs::create_dir(root.join(FOLDER)).expect("a folder");
                let mode = Mode::from_raw_mode(0o600);
                rustix::fs::mkfifoat(rustix::fs::CWD, Beacon::path(root), mode).expect("a pipe");
            },
            "Err(NoFile)",
        );
        check("folder", &|root| fs::create_dir_all(Beacon::path(root)).expect("a folder"), "Err(NoFile)");
        // And nothing is written through a link.
        let beacon = Beacon { address: format!("127.0.0.1:{port}"), pid: me, topics: BTreeMap::new() };
        let text = fs::read(Beacon::path(&elsewhere)).expect("a file");
        assert!(beacon.leave(&folder.path().join("folder-link")).is_err());
        beacon.leave(&folder.path().join("file-link")).expect("the link is replaced");
        assert_eq!(fs::read(Beacon::path(&elsewhere)).expect("a file"), text);
        assert_eq!(find(&folder.path().join("file-link")), Some(beacon));
    }
}
