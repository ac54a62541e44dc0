//! The commands that look at an app and talk to its Kafka, run as a person runs them.
//!
//! Each test has a folder of its own, and an environment without anybody's KARAFKA_ variables.

use std::{
    fs,
    io::Write as _,
    path::Path,
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use karafka::broker::Beacon;

const SHOP: &str = "\
app: shop
concurrency: 8
kafka:
  options: { sasl.password: \"${PASSWORD?}\" }
messages:
  Order: { id: uuid, customer: string, items: [{ sku: string, count: u32 }] }
topics:
  orders:
    message: Order
    key: customer
    partitions: 2
    controller: OrdersController
    emits: [order_confirmed]
  order_confirmed: { message: Order }
";

/// The command in an app's folder, with nothing in its environment that a test does not put there.
fn karafka(root: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_karafka"));
    command.args(words).current_dir(root).env("NO_COLOR", "1");
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("KARAFKA_")) {
            command.env_remove(name);
        }
    }
    command
}

fn app() -> tempfile::TempDir {
    let root = tempfile::tempdir().expect("a folder");
    fs::write(root.path().join("karafka.yml"), SHOP).expect("written");
    root
}

/// Status, standard output and standard error as one text, the folder's name taken out.
fn said(root: &Path, output: &Output) -> String {
    let root = fs::canonicalize(root).expect("a folder");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(&*root.to_string_lossy(), "[folder]");
    let status = output.status.code().map_or("a signal".to_owned(), |code| code.to_string());
    format!("status: {status}\n--- output\n{}--- errors\n{}", text(&output.stdout), text(&output.stderr))
}

fn run(root: &Path, words: &[&str]) -> String {
    said(root, &karafka(root, words).stdin(Stdio::null()).output().expect("it runs"))
}

fn send(root: &Path, words: &[&str], input: &str) -> String {
    let mut child = karafka(root, words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("read");
    said(root, &child.wait_with_output().expect("it ends"))
}

fn snapshot(name: &str, text: &str) {
    insta::with_settings!({
        snapshot_path => "../../tests/snapshots",
        prepend_module_to_snapshot => false,
        filters => [
            (r"(karafka +)\d+\.\d+\.\d+", "$1[version]"),
            (r"(librdkafka +)\d+\.\d+\.\d+ \(.*\)", "$1[version]"),
            (r"(rustc +)\d.*", "$1[version]"),
            (r"orders/\d@\d+", "[place]"),
            (r"in \d+\.\d s", "in [time]"),
        ],
    }, {
        insta::assert_snapshot!(name, text);
    });
}

/// A `karafka broker`, ended when the test is.
struct Broker(Child);

impl Broker {
    fn start(root: &Path) -> Self {
        Self::start_with(root, &[])
    }

    fn start_with(root: &Path, flags: &[&str]) -> Self {
        // Tests that run under `nohup` hand on to their processes that a hang-up means nothing.
        let mut command = Command::new("env");
        command.args(["--default-signal=HUP", env!("CARGO_BIN_EXE_karafka"), "broker"]).args(flags).current_dir(root);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
        let broker = Self(child);
        let began = Instant::now();
        while !matches!(Beacon::find(root), Ok(Some(_))) {
            assert!(began.elapsed() < Duration::from_secs(30), "the broker did not start");
            thread::sleep(Duration::from_millis(20));
        }
        broker
    }

    /// Sends a signal, and waits for the end.
    fn signal(mut self, name: &str) -> Option<i32> {
        let status = Command::new("kill").args([name, &self.0.id().to_string()]).status().expect("it runs");
        assert!(status.success());
        self.0.wait().expect("it ends").code()
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// If this fails, a command that never writes speaks of what was not written, as if it could have been.
#[test]
fn commands_that_only_look_do_not_speak_of_writing() {
    let app = app();
    fs::write(app.path().join("karafka.yml"), SHOP.replace("controller:", "contoller:")).expect("written");
    for words in [&["flow"][..], &["routes"], &["info"], &["send", "orders"]] {
        let said = run(app.path(), words);
        assert!(said.starts_with("status: 1\n") && said.ends_with("\n1 error\n"), "{words:?}: {said}");
    }
    assert!(run(app.path(), &["generate"]).ends_with("\n1 error; nothing was written\n"));
}

/// If this fails, a person whose Kafka is not there reads that messages were sent and acknowledged.
#[test]
fn what_was_not_sent_is_not_called_sent() {
    let app = app();
    let options = "kafka:\n  producer: { message.timeout.ms: 300 }\n";
    fs::write(app.path().join("karafka.yml"), SHOP.replace("kafka:\n", options)).expect("written");
    let said = run(app.path(), &["send", "orders", "--sample", "1", "--brokers", "127.0.0.1:1"]);
    assert!(said.starts_with("status: 1\n") && said.contains("error: 1 of 1 were not sent: "), "{said}");
    assert!(!said.contains(", acknowledged"), "{said}");
}

/// If this fails, a person who looks at an app with the command sees something else than it is.
#[test]
fn shows_an_app() {
    let app = app();
    snapshot("command_flow", &run(app.path(), &["flow"]));
    snapshot("command_flow_mermaid", &run(app.path(), &["flow", "--format", "mermaid"]));
    snapshot("command_routes", &run(app.path(), &["routes"]));
    let info = karafka(app.path(), &["info"]).env("PASSWORD", "hunter2").output().unwrap();
    snapshot("command_info", &said(app.path(), &info));
}

/// If this fails, scripts cannot tell a wrong call from a wrong message, or a person is not told what to do.
#[test]
fn sends_nothing_that_is_wrong() {
    let app = app();
    let mut text = send(app.path(), &["send", "orders"], "{\"id\":\"x\"}\nnot json\n");
    for words in [
        &["send", "ordrs", "--sample", "1"][..],
        &["send", "orders", "--sample", "1", "--key", "name"],
        &["send", "orders", "--sample", "0"],
        &["send", "orders", "--sample", "1", "--header", "x"],
        &["send", "orders", "--sample", "1", "--interval", "5"],
        &["send", "orders"],
        &["send", "orders", "--sample", "1"],
        &["server"],
    ] {
        text.push_str(&format!("\n=== karafka {}\n{}", words.join(" "), run(app.path(), words)));
    }
    snapshot("command_send_refuses", &text);
}

/// If this fails, the first message that a person sends does not arrive, or a broker leaves its address behind.
#[test]
fn sends_to_the_apps_broker() {
    let app = app();
    let broker = Broker::start(app.path());
    snapshot("command_send_samples", &run(app.path(), &["send", "orders", "--sample", "7", "--header", "source=test"]));
    let line = r#"{"id":"7f1ff5f6-63c4-4a2b-8a0e-2f6a0f9f5c11","customer":"c-1","items":[]}"#;
    snapshot("command_send_lines", &send(app.path(), &["send", "orders"], &format!("{line}\n{line}\n")));
    let second = run(app.path(), &["broker"]);
    assert!(second.starts_with("status: 1\n") && second.contains("a broker runs already for shop"), "{second}");
    assert_eq!(broker.signal("-INT"), Some(0));
    assert!(!Beacon::path(app.path()).exists());
}

/// If this fails, a program whose settings name a port finds nothing there, or a person is not told why it cannot be had.
#[test]
fn a_broker_has_the_port_that_it_is_given() {
    let app = app();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port().to_string();
    let refused = run(app.path(), &["broker", "--port", &port]);
    let words = format!(
        "error: port {port} of 127.0.0.1 is taken by another process\n  name another one, or leave `--port` out"
    );
    assert!(refused.starts_with("status: 1\n") && refused.contains(&words), "{refused}");
    for wrong in ["0", "65536", "kafka"] {
        assert!(run(app.path(), &["broker", "--port", wrong]).starts_with("status: 2\n"), "{wrong}");
    }
    drop(taken);
    let broker = Broker::start_with(app.path(), &["--port", &port]);
    let address = format!("127.0.0.1:{port}");
    assert_eq!(Beacon::find(app.path()).expect("ours").expect("a broker").address, address);
    let said = run(app.path(), &["send", "orders", "--sample", "2", "--brokers", &address]);
    assert!(said.starts_with("status: 0\n"), "{said}");
    assert_eq!(broker.signal("-INT"), Some(0));
}

/// If this fails, a broker whose terminal goes away leaves its address behind.
#[test]
fn a_hang_up_ends_a_broker() {
    let app = app();
    assert_eq!(Broker::start(app.path()).signal("-HUP"), Some(0));
    assert!(!Beacon::path(app.path()).exists());
}

/// If this fails, a checkout sends a person's messages to a machine of its choice, or nobody learns why it may not.
#[test]
fn a_broker_that_a_checkout_names_is_not_believed() {
    let app = app();
    fs::create_dir(app.path().join(".karafka")).expect("a folder");
    let text = r#"{"address":"kafka.example.org:9092","pid":1,"topics":{}}"#;
    fs::write(Beacon::path(app.path()), text).expect("written");
    let said = run(app.path(), &["send", "orders", "--sample", "1"]);
    assert!(said.starts_with("status: 1\n"), "{said}");
    assert!(
        said.contains(r#"it names "kafka.example.org:9092", and a development broker is at a port of 127.0.0.1"#)
            && said.contains("delete it, or name a broker: KARAFKA_BROKERS=host:port"),
        "{said}"
    );
}

/// If this fails, whoever only sends has to say what only the groups of the app need; or sends with what nobody has said.
#[test]
fn sending_asks_for_nothing_that_only_groups_need() {
    let app = app();
    for (group, producer, wanted) in
        [("${RACK}", "5", "no broker runs for shop"), ("a", "${LINGER}", "`LINGER` is not set")]
    {
        let own = format!("consumer: {{ client.rack: \"{group}\" }}\n  producer: {{ linger.ms: \"{producer}\" }}");
        let text = SHOP.replace("\nkafka:\n", &format!("\nkafka:\n  {own}\n"));
        fs::write(app.path().join("karafka.yml"), text).expect("written");
        let said = run(app.path(), &["send", "orders", "--sample", "1"]);
        assert!(said.starts_with("status: 1\n") && said.contains(wanted), "{said}");
    }
}

/// What the stand-in for cargo was told by `karafka` with these words, without the path of the app's `Cargo.toml`.
fn handed_over(app: &tempfile::TempDir, words: &[&str]) -> Vec<String> {
    fs::write(app.path().join("Cargo.toml"), "[package]\nname = \"shop\"\nversion = \"0.1.0\"\n").expect("written");
    fs::create_dir_all(app.path().join("src")).expect("a folder");
    fs::write(app.path().join("src/main.rs"), "fn main() {}\n").expect("written");
    // Stands in for cargo, which would build the app and become it; what the crate holds the real one says.
    let real = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let (text, cargo) = (app.path().join("cargo.sh"), app.path().join("cargo"));
    let script = format!("#!/bin/sh\n[ \"$1\" = metadata ] && exec '{real}' \"$@\"\nprintf '%s\\n' \"$@\"\nexit 7\n");
    fs::write(&text, script).expect("written");
    // By another process: a program that this one has open for writing, as each process has that another test begins
    // meanwhile, cannot be run.
    let installed = Command::new("install").args(["-m", "755"]).args([&text, &cargo]).status().expect("it runs");
    assert!(installed.success());
    let output = karafka(app.path(), words).env("CARGO", &cargo).output().expect("it runs");
    assert_eq!(output.status.code(), Some(7), "{output:?}");
    let said = String::from_utf8(output.stdout).expect("text");
    said.lines().filter(|line| !line.ends_with("Cargo.toml")).map(str::to_owned).collect()
}

/// If this fails, arguments for the app get lost, or a supervisor does not see the app's exit status.
#[test]
fn server_hands_over_to_the_app() {
    let words = ["server", "--release", "--", "--groups", "a b", "--concurrency=8"];
    let told =
        ["run", "--manifest-path", "--bin", "shop", "--release", "--", "server", "--groups", "a b", "--concurrency=8"];
    assert_eq!(handed_over(&app(), &words), told);
}

/// If this fails, jobs on Redis have nobody who performs them, or a worker waits for jobs that never come.
#[test]
fn worker_hands_over_to_an_app_with_jobs_on_redis() {
    let app = app();
    let manifest = app.path().join("karafka.yml");
    let refused = run(app.path(), &["worker"]);
    assert!(refused.starts_with("status: 1\n") && refused.contains("write `jobs: redis`"), "{refused}");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, format!("{text}\ndefaults: {{ jobs: redis }}\n")).unwrap();
    let refused = run(app.path(), &["worker"]);
    assert!(refused.starts_with("status: 1\n") && refused.contains("there is no crate"), "{refused}");
    for command in ["worker", "w"] {
        let words = [command, "--", "--queues", "critical,3", "default,1", "--concurrency", "10"];
        let told = ["run", "--manifest-path", "--bin", "shop", "--", "worker"].iter().chain(&words[2..]);
        assert_eq!(handed_over(&app, &words), told.copied().collect::<Vec<_>>());
    }
    fs::write(&manifest, "app: shop\njobs: redis\n").unwrap();
    let refused = run(app.path(), &["worker"]);
    assert!(refused.starts_with("status: 1\n") && refused.contains("`defaults: { jobs: redis }`"), "{refused}");
}

/// If this fails, `--help` no longer says what a command does, or a script breaks over a flag that went away.
#[test]
fn help_teaches() {
    let app = app();
    for command in ["flow", "routes", "info", "send", "broker", "server", "worker"] {
        snapshot(&format!("command_help_{command}"), &run(app.path(), &[command, "--help"]));
    }
}

/// The help of `karafka`, of one of its commands, or of a part that it adds.
fn help(words: &[&str]) -> String {
    let output = karafka(Path::new("."), &[words, &["--help"]].concat()).output().expect("it runs");
    assert!(output.status.success(), "karafka {} --help: {output:?}", words.join(" "));
    String::from_utf8(output.stdout).expect("text")
}

/// The commands that a help lists.
fn listed(help: &str) -> Vec<&str> {
    let section = help.split_once("Commands:\n").map_or("", |(_, rest)| rest);
    let lines = section.lines().take_while(|line| !line.is_empty());
    lines.filter_map(|line| line.strip_prefix("  ")?.split(' ').next()).filter(|word| !word.is_empty()).collect()
}

/// If this fails, a command is found by nobody who reads, or the README teaches a command or a flag that is not there.
#[test]
fn what_is_documented_is_there_and_the_other_way_round() {
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut documents = fs::read_to_string(checkout.join("README.md")).unwrap();
    for document in fs::read_dir(checkout.join("docs/src")).unwrap() {
        documents.push_str(&fs::read_to_string(document.unwrap().path()).unwrap());
    }
    let root = help(&[]);
    let commands = listed(&root);
    assert!(commands.len() > 5, "{commands:?}");
    for command in &commands {
        assert!(documents.contains(&format!("karafka {command}")), "`karafka {command}` stands in no document");
    }
    let parts_help = help(&["generate"]);
    let parts = listed(&parts_help);
    let calls = documents.replace("cargo run --release -- ", "karafka ");
    let mut flags = 0;
    for call in calls.split("karafka ").skip(1).map(|rest| rest.split(['`', '\n', '#']).next().unwrap()) {
        let mut words = call.split_whitespace();
        let Some(command) = words.next().filter(|word| commands.contains(word)) else { continue };
        let part = words.next().filter(|word| command == "generate" && parts.contains(word));
        let help = help(&[Some(command), part].into_iter().flatten().collect::<Vec<_>>());
        for flag in call.split_whitespace().filter(|word| word.starts_with("--")) {
            flags += 1;
            let is_there = help.split([' ', '\n', ',']).any(|word| word == flag);
            assert!(is_there, "`karafka {}` has no `{flag}`", call.trim());
        }
    }
    assert!(flags > 2, "only {flags} flags were looked at");
}

/// If this fails, a Cargo.toml from somebody else's repository gives orders to the workflow that checks it, or acts on the
/// terminal of the person who does.
#[test]
fn words_of_a_file_stay_words() {
    let root = app();
    fs::create_dir(root.path().join("src")).expect("a folder");
    fs::write(root.path().join("Cargo.toml"), "[package]\nname = \"x\u{1b}[31m\u{202e}\n::set-env name=A::b\n")
        .expect("written");
    for format in ["full", "concise", "json", "github"] {
        let text = run(root.path(), &["check", "--output-format", format]);
        assert!(text.contains("Cargo.toml"), "{format}: {text}");
        assert!(!text.contains(['\u{1b}', '\u{202e}']) && !text.contains("\n::set-env"), "{format}: {text}");
        if format == "github" {
            assert!(text.contains("::error file=Cargo.toml,line=3,") && text.contains("title=cargo-toml::"), "{text}");
        }
    }
}
