//! No command says a secret: one mark as the password at every place where there can be one, and every command.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

/// The password.
const MARK: &str = "hunter2Zz";

/// What a command says with these variables, all of it.
fn said(root: &Path, words: &[&str], variables: &[(&str, &str)]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_karafka"));
    command.args(words).current_dir(root).env("NO_COLOR", "1").stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("KARAFKA_") || name == "REDIS_URL") {
            command.env_remove(name);
        }
    }
    let output = command.envs(variables.iter().copied()).output().expect("it runs");
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

#[track_caller]
fn keeps_quiet(root: &Path, words: &[&str], variables: &[(&str, &str)], what: &str) -> String {
    let said = said(root, words, variables);
    assert!(!said.contains(MARK), "karafka {} says a secret of\n{what}\n{said}", words.join(" "));
    said
}

const COMMANDS: [&[&str]; 13] = [
    &["check"],
    &["check", "--diff", "--color", "always"],
    &["check", "--output-format", "concise"],
    &["check", "--output-format", "json"],
    &["check", "--output-format", "github"],
    &["generate", "--dry-run", "--diff"],
    &["generate", "controller", "Extra", "--topic", "extra", "--dry-run", "--diff"],
    &["new", "copy", "--manifest", "karafka.yml", "--dry-run", "--verbose"],
    &["info"],
    &["flow"],
    &["routes"],
    &["send", "orders", "--sample", "1"],
    &["send", "orders", "--sample", "1", "--brokers", "ann:hunter2Zz@127.0.0.1:1"],
];

const TOPICS: &str = "topics:\n  orders: { controller: OrdersController, jobs: redis }\n";

/// If this fails, a password from a manifest stands in a terminal, or in the log of a CI that anybody can read.
#[test]
fn no_command_says_a_secret_of_the_manifest() {
    for kafka in [
        // What is right but for the secret itself.
        "kafka:\n  options:\n    sasl.password: MARK\n",
        "kafka: { options: { sasl.password: MARK, client.id: x } }\n",
        "kafka: { options: { sasl.password: \"${NONE:-MARK}\" } }\n",
        "kafka:\n  options:\n    ssl.key.pem: |\n      -----BEGIN PRIVATE KEY-----\n      MARK\n      -----END PRIVATE KEY-----\n",
        "kafka: { producer: { sasl.oauthbearer.client.secret: MARK }, consumer: { ssl.key.password: MARK } }\n",
        "environments: { production: { kafka: { options: { ssl.keystore.password: MARK } } } }\n",
        "environments: { development: { kafka: { options: { sasl.password: MARK } } } }\n",
        "defaults: { jobs: redis }\nredis: { url: \"redis://:MARK@127.0.0.1:1\" }\n",
        "x: &pw MARK\nkafka: { options: { sasl.password: *pw } }\n",
        "groups: { shop: { kafka: { sasl.password: MARK } } }\n",
        "groups:\n  shop:\n    kafka:\n      sasl.password:\n        MARK\n",
        "groups: { shop: { kafka: { sasl.pasword: MARK }, colour: red } }\n",
        "groups: { shop: { kafka: { sasl.password MARK } } }\n",
        "kafka: { options: { sasl.password MARK } }\n",
        "kafka: { options: { sasl.password MARK: x } }\n",
        "groups: { shop: { kafka: { sasl.password: hun,MARK } } }\n",
        "groups: { shop: { sasl.password: MARK } }\n",
        "groups: { shop: { protocol: consumer, kafka: { ssl.keystore.location: k, sasl.password: MARK, session.timeout.ms: 1 } } }\n",
        "x: &pw |\n  MARK\nkafka: { options: { sasl.password: *pw } }\n",
        "kafka:\n  options:\n    ? sasl.password\n    : MARK\n",
        "kafka:\n  options:\n    sasl.password: ${NONE},MARK\n",
        "kafka: { options: { sasl.password: \"${NONE}]MARK\" } }\n",
        "kafka: { options: { sasl.password: '${NONE}} MARK' } }\n",
        // What is wrong with the secret, beside it, or around it.
        "kafka: { brokers: \"ann:MARK@h:9092\" }\n",
        "kafka:\n  brokers: [a:1, ann:MARK@h:9092]\n",
        "kafka:\n  brokers: \"ann:hun MARK@h:9092\"\n",
        "kafka:\n  brokers: \"ann:MARK'x@h:9092\"\n",
        "kafka:\n  brokers: [\"ann:MARK,x@h:9092\"]\n",
        "kafka:\n  brokers: [b:1, \"ann:MARK x:c@h:9092\", b:2]\n",
        "kafka:\n  brokers: [b:1, 'MARK x@h:9092']\n",
        "kafka:\n  brokers:\n    - b:1\n    - ann:MARK x:c@h:9092\n",
        "kafka:\n  brokers: ssl://ann:MARK x:c@h:9092\n",
        "kafka: { options: { \"sasl.p\\x61ssword\": MARK } }\n",
        "kafka: { options: { sasl.password: MARK, brokr: y } }\n",
        "kafka: { sasl.password: MARK, brokr: y }\n",
        "kafka:\n  brokr: y\n  options:\n    sasl.password: MARK\n    client.ids: x\n",
        "kafka: { options: { sasl.pasword: MARK } }\n",
        "kafka: { options: { sasl.password: hun,MARK } }\n",
        "kafka: { options: { sasl.password: [MARK] } }\n",
        "kafka: { options: { sasl.password: \"${MARK\" } }\n",
        "kafka: { options: { sasl.password: \"${A B:-MARK}\" } }\n",
        "kafka: { options: { sasl.password: {{ MARK }} } }\n",
        "kafka:\n  options:\n    sasl.password: @MARK\n",
        "kafka:\n  options:\n    sasl.password: 'MARK\n    client.id: x\n",
        "kafka:\n  options:\n    sasl.password: MARK: x\n",
        "kafka:\n  options:\n    sasl.password:MARK\n",
        "kafka:\n\toptions:\n\t\tsasl.password: MARK\n",
        "kafka: { options: { sasl.password: MARK }\n",
        "kafka:\n  options:\n    sasl.password: MARK\n    sasl.password: MARK\n",
        "kafka:\n  options:\n    sasl.mechanism: x\n    sasl.oauthbearer.config: MARK\n    fetch.min.bytes: x\n",
        "defaults: { jobs: redis }\nredis: { url: \"redis://:MARK@h:port\" }\n",
        "defaults: { jobs: redis }\nredis: { url: \"rediss://:MARK@h\" }\n",
        "defaults: { jobs: redis }\nredis: { ur: \"redis://:MARK@h\" }\n",
        "defaults: { jobs: redis }\nredis: { url: \"unix://r.sock?pass=MARK\" }\n",
        "defaults: { sasl.password: MARK }\n",
    ] {
        let root = tempfile::tempdir().expect("a folder");
        let manifest = format!("app: shop\n{}{TOPICS}", kafka.replace("MARK", MARK));
        fs::write(root.path().join("karafka.yml"), &manifest).expect("written");
        for words in COMMANDS {
            // Only who reads settings looks at the environment.
            let reads = ["info", "send"].contains(&words[0]);
            for environment in if reads { ["development", "production"].as_slice() } else { &["development"] } {
                keeps_quiet(root.path(), words, &[("KARAFKA_ENV", environment)], &manifest);
            }
        }
    }
}

/// If this fails, a password of the environment or of a flag stands in a terminal.
#[test]
fn no_command_says_a_secret_of_its_environment() {
    let root = tempfile::tempdir().expect("a folder");
    let manifest = format!("app: shop\nkafka: {{ options: {{ ssl.key.password: \"${{PW?}}\" }} }}\n{TOPICS}");
    fs::write(root.path().join("karafka.yml"), &manifest).expect("written");
    let (address, url) = (format!("ann:{MARK}@127.0.0.1:1"), format!("redis://:{MARK}@127.0.0.1:1"));
    let (port, key) = (format!("redis://ann:{MARK}@h:port"), format!("-----BEGIN PRIVATE KEY-----\n{MARK}"));
    for variable in [
        ("PW", MARK),
        ("KARAFKA_OPTIONS_SASL_PASSWORD", MARK),
        ("KARAFKA_OPTIONS_SASL_PASWORD", MARK),
        ("KARAFKA_OPTIONS_SSL_KEY_PEM", &key),
        ("KARAFKA_OPTIONS_SASL_OAUTHBEARER_CONFIG", MARK),
        ("KARAFKA_BROKERS", &address),
        ("REDIS_URL", &url),
        ("REDIS_URL", &port),
    ] {
        for words in COMMANDS {
            keeps_quiet(root.path(), words, &[variable], variable.0);
        }
    }
    let refused = keeps_quiet(root.path(), COMMANDS[12], &[], "--brokers");
    assert!(refused.contains("ann:(redacted)@127.0.0.1:1") && refused.contains("sasl.password"), "{refused}");
}

/// If this fails, somebody whose password goes into the program is not told, or the difference shows it.
#[test]
fn a_secret_that_is_compiled_in_is_warned_of() {
    let root = tempfile::tempdir().expect("a folder");
    let root = root.path();
    let write = |password: &str| {
        let manifest = format!("app: shop\nkafka: {{ options: {{ sasl.password: {password} }} }}\n{TOPICS}");
        fs::write(root.join("karafka.yml"), manifest).expect("written");
    };
    write(MARK);
    for words in [["check"].as_slice(), &["generate"]] {
        let said = keeps_quiet(root, words, &[], "a literal");
        assert!(said.contains("warning[literal-secret]") && said.contains("${KAFKA_PASSWORD}"), "{said}");
    }
    let compiled = fs::read_to_string(root.join("src/generated/manifest.rs")).expect("generated");
    assert!(compiled.contains(MARK), "it is compiled in all the same");
    write(&format!("{MARK}2"));
    for words in [["check", "--diff"].as_slice(), &["generate", "--dry-run", "--diff"]] {
        let said = keeps_quiet(root, words, &[], "another literal");
        assert!(said.contains("(\"kafka.options.sasl.password\", \"(redacted)\")"), "{said}");
    }
    write("\"${KAFKA_PASSWORD}\"");
    let said = keeps_quiet(root, &["check"], &[], "a variable");
    assert!(!said.contains("literal-secret"), "{said}");
}
