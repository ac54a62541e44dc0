//! Callers that misbehave, hundreds at once, and a probe among them.

use std::{
    fs::File,
    io::{self, BufRead as _, BufReader, ErrorKind, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    process::{Command, Stdio},
    time::Duration,
};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::*;

/// How many come at once.
const STRANGERS: usize = 500;

/// An answer that no socket takes whole.
const PAGE: usize = 8 << 20;

/// Both ends of each connection are files of this process.
fn allow_files() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
}

/// Limits under which a stranger leaves only because somebody else needs its place.
fn patient() -> Limits {
    let hour = Duration::from_secs(3_600);
    Limits { headers: hour, connection: hour, ..Limits::for_files(None) }
}

fn server(limits: Limits) -> Server {
    let answers = |path: &str| {
        let body = if path == "/metrics" { "m".repeat(PAGE) } else { "well".to_owned() };
        Answer { status: 200, content_type: "text/plain", body }
    };
    Server::start("127.0.0.1:0".parse().unwrap(), Arc::new(answers), limits).unwrap()
}

/// A stranger that says these bytes, and then neither reads nor goes.
fn stranger(address: SocketAddr, words: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_write_timeout(Some(Duration::from_secs(30))).unwrap();
    // The server may hang up before all of it is written.
    let _ = stream.write_all(words);
    stream
}

fn asks(address: SocketAddr, path: &str) -> String {
    let mut stream = stranger(address, format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes());
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap_or_else(|error| panic!("{path} is not answered: {error}"));
    answer
}

fn lives(address: SocketAddr) -> bool {
    let answer = asks(address, "/live");
    answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("\r\n\r\nwell")
}

/// If this fails, anybody who can reach the port can keep a supervisor from hearing that the app is well, and it kills
/// a process that works.
#[test]
fn hundreds_who_misbehave_disturb_no_probe() {
    allow_files();
    let flood = "GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n".repeat(100);
    let headers = format!("GET /live HTTP/1.1\r\nx: {}", "a".repeat(100_000));
    for words in [
        "",
        "G",
        "GET /live HTTP/1.1\r\nhost:",
        "POST /live HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\n",
        "GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n",
        "\x16\x03\x01 this is not HTTP\r\n\r\n",
        &flood,
        &headers,
    ] {
        let server = server(patient());
        let strangers: Vec<_> = (0..STRANGERS).map(|_| stranger(server.address(), words.as_bytes())).collect();
        for _ in 0..10 {
            assert!(lives(server.address()), "beside {STRANGERS} that say {:.40}", words.escape_debug());
        }
        assert!(asks(server.address(), "/metrics").len() > PAGE, "the newest is read, whatever others leave unread");
        drop(strangers);
    }
}

/// If this fails, a stranger that says a byte now and then keeps its place for ever.
#[test]
fn nobody_stays_for_long() {
    let server = server(Limits::for_files(None));
    let mut slow = stranger(server.address(), b"GET /live HTTP/1.1\r\nx: ");
    let silent = stranger(server.address(), b"");
    let unread = stranger(server.address(), b"GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n");
    let began = Instant::now();
    // Refused as soon as the server has hung up.
    while slow.write_all(b"a").is_ok() {
        assert!(began.elapsed() < Duration::from_secs(60), "the slow one is still heard");
        std::thread::sleep(Duration::from_millis(100));
    }
    for mut stream in [silent, unread] {
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        // It ends, be it with a reset in the middle of what it was told.
        if let Err(error) = stream.read_to_end(&mut Vec::new()) {
            assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}");
        }
    }
}

/// If this fails, health takes file handles that Kafka needs, or hardly anybody is heard.
#[test]
fn an_eighth_of_the_files_is_for_callers() {
    let room = |files| Limits::for_files(files).room;
    let rooms = [Some(20), Some(512), Some(1_024), Some(20_000), Some(u64::MAX), None].map(room);
    assert_eq!(rooms, [16, 64, 128, 256, 256, 256]);
}

/// Where the process of [`the_process`] is told to be one.
const PROCESS: &str = "TEST_HEALTH_PROCESS";

/// A process that serves health and, when it is told to, opens files; nothing unless this binary was started as one.
#[test]
fn the_process() {
    let Some(files) = std::env::var_os(PROCESS).and_then(|files| files.to_str()?.parse::<usize>().ok()) else { return };
    let limits = Limits { headers: patient().headers, ..Limits::of_process() };
    // What brokers of other tests have had open when this process was started, librdkafka leaves open in it.
    let inherited = std::fs::read_dir("/proc/self/fd").unwrap().count() as u64;
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: current.map(|current| current + inherited), maximum }).unwrap();
    let server = server(limits);
    writeln!(io::stdout(), "\nserved at {}", server.address()).unwrap();
    io::stdin().lock().read_line(&mut String::new()).unwrap();
    let opened: Result<Vec<File>, _> = (0..files).map(|_| File::open("/dev/null")).collect();
    writeln!(io::stdout(), "\nopened {:?}", opened.as_ref().map(Vec::len)).unwrap();
    io::stdin().lock().read_line(&mut String::new()).unwrap();
}

/// If this fails, strangers at the port of health keep the process from opening a connection to Kafka, or a process
/// that has no file handle left is told from one that hangs by nobody.
#[test]
fn file_handles_are_left_for_kafka() {
    allow_files();
    let mut child = Command::new("sh")
        .args(["-c", "ulimit -S -n 512 && exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "health::tests::strangers::the_process", "--nocapture"])
        .env(PROCESS, "400")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut says = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut hears = child.stdin.take().unwrap();
    let mut said = |word: &str| says.find_map(|line| Some(line.strip_prefix(word)?.to_owned())).unwrap();
    let address = said("served at ").parse().unwrap();
    let strangers: Vec<_> = (0..STRANGERS).map(|_| stranger(address, b"GET /live HTTP/1.1\r\n")).collect();
    assert!(lives(address));
    hears.write_all(b"open\n").unwrap();
    assert_eq!(said("opened "), "Ok(400)");
    assert!(lives(address), "beside as many open files as the app may have");
    drop(strangers);
    drop(hears);
    assert!(child.wait().unwrap().success());
}
