//! A copy of the workspace with all mutants in it, compiled once.
//!
//! The copy and what it is compiled to are kept, so that the next run compiles what has changed.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use cargo_metadata::{
    Message,
    diagnostic::{Diagnostic, DiagnosticLevel},
};
use karafka_tests::{
    checkout, environment,
    process::{self, Stream},
};

use crate::{
    find::{self, Mutant, Site},
    rewrite::{self, Rewritten},
    rooms::{Crate, Room},
};

/// Long enough for a first build of everything on a busy machine.
const LIMIT: Duration = Duration::from_secs(40 * 60);

/// Tests of random histories are most of what a run takes, and take a tenth when they are optimised a little.
const PROFILE: &str = "
[profile.dev.package]
karafka = { opt-level = 1 }
karafka-cli = { opt-level = 1 }
proptest = { opt-level = 1 }
";

/// A source with its mutants.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) room: Room,
    /// Relative to the checkout.
    pub(crate) file: String,
    text: String,
    sites: Vec<Site>,
}

/// What a build has made.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) path: PathBuf,
    /// Where it is run.
    pub(crate) folder: PathBuf,
    pub(crate) krate: &'static Crate,
}

/// The copy.
#[derive(Debug)]
pub(crate) struct Copy {
    root: PathBuf,
    pub(crate) sources: Vec<Source>,
    /// Sites that do not compile, one of their mutants each. What is known from one run is not tried in the next.
    unfit: BTreeSet<String>,
}

impl Source {
    fn name(&self, mutant: &Mutant) -> String {
        format!("{} {}: {}", self.file, mutant.function, mutant.change)
    }
}

impl Copy {
    /// Finds the mutants of these files.
    ///
    /// # Errors
    ///
    /// When one cannot be read or is not Rust.
    pub(crate) fn of(files: &[(Room, String)]) -> Result<Self> {
        let root = checkout::target_directory()?.join("mutants");
        fs::create_dir_all(&root)?;
        let mut sources = Vec::new();
        let mut next = 1;
        for (room, file) in files {
            let text =
                fs::read_to_string(checkout::root().join(file)).with_context(|| format!("cannot read {file}"))?;
            let sites = find::sites(&text, next).with_context(|| file.clone())?;
            next += sites.iter().map(|site| site.mutants.len() as u32).sum::<u32>();
            sources.push(Source { room: *room, file: file.clone(), text, sites });
        }
        let unfit = fs::read_to_string(root.join("unfit")).unwrap_or_default();
        Ok(Self { root, sources, unfit: unfit.lines().map(str::to_owned).collect() })
    }

    /// All mutants that compile, each with its source.
    pub(crate) fn mutants(&self) -> Vec<(&Source, &Mutant)> {
        let sites = self.sources.iter().flat_map(|source| source.sites.iter().map(move |site| (source, site)));
        let fit = sites.filter(|(source, site)| self.fits(source, site));
        fit.flat_map(|(source, site)| site.mutants.iter().map(move |mutant| (source, mutant))).collect()
    }

    fn fits(&self, source: &Source, site: &Site) -> bool {
        self.unfit.is_empty() || !site.mutants.iter().any(|mutant| self.unfit.contains(&source.name(mutant)))
    }

    /// Writes the copy and builds its tests, without what does not compile.
    ///
    /// # Errors
    ///
    /// When it does not compile for a reason that lies in no mutant.
    pub(crate) fn build(&mut self) -> Result<Vec<Program>> {
        loop {
            let rewritten = self.write()?;
            let messages = match self.compile()? {
                Ok(programs) => return Ok(programs),
                Err(messages) => messages,
            };
            let known = self.unfit.len();
            for message in &messages {
                self.blame(message, &rewritten);
            }
            if self.unfit.len() == known {
                let words = messages.into_iter().filter_map(|message| message.rendered);
                bail!("the mutated workspace does not compile:\n{}", words.collect::<String>());
            }
            eprintln!("{} sites do not compile and are left out", self.unfit.len());
            fs::write(self.root.join("unfit"), self.unfit.iter().map(|name| format!("{name}\n")).collect::<String>())?;
        }
    }

    /// Notes which site an error is about: the innermost one around it, or those that touch its lines.
    fn blame(&mut self, message: &Diagnostic, rewritten: &[Rewritten]) {
        let mut spans: Vec<_> = message.spans.iter().collect();
        spans.sort_by_key(|span| !span.is_primary);
        let mut found = Vec::new();
        for span in spans {
            let Some(source) = self.sources.iter().position(|source| source.file == span.file_name) else { continue };
            let (begin, end) = (span.byte_start as usize, span.byte_end as usize);
            let Rewritten { text, places } = &rewritten[source];
            let around = places.iter().filter(|(place, _)| place.start <= begin && end <= place.end);
            if let Some((_, site)) = around.min_by_key(|(place, _)| place.len()) {
                found = vec![(source, *site)];
                break;
            }
            let line =
                text[..begin].rfind('\n').map_or(0, |at| at + 1)..text[end..].find('\n').map_or(end, |at| end + at);
            let touched = places.iter().filter(|(place, _)| place.start < line.end && line.start < place.end);
            found.extend(touched.map(|(_, site)| (source, *site)));
        }
        for (source, site) in found {
            let source = &self.sources[source];
            self.unfit.insert(source.name(&source.sites[site].mutants[0]));
        }
    }

    /// Makes the copy what the checkout is, with mutants in it; what is the same already is not touched.
    fn write(&self) -> Result<Vec<Rewritten>> {
        let rewrite = |source: &Source| rewrite::rewrite(&source.text, &source.sites, |site| self.fits(source, site));
        let rewritten: Vec<_> = self.sources.iter().map(rewrite).collect();
        let mut texts: BTreeMap<PathBuf, Vec<u8>> = BTreeMap::new();
        for file in checkout::files()? {
            let text = fs::read(checkout::root().join(&file))?;
            texts.insert(file, text);
        }
        for (source, rewritten) in self.sources.iter().zip(&rewritten) {
            texts.insert(source.file.clone().into(), rewritten.text.clone().into());
        }
        for source in &self.sources {
            let root = Path::new(source.room.krate.folder).join("src/lib.rs");
            let text = texts.get_mut(&root).with_context(|| format!("no {}", root.display()))?;
            if !text.ends_with(rewrite::SWITCH.as_bytes()) {
                text.splice(0..0, rewrite::ALLOW.bytes());
                text.extend(rewrite::SWITCH.bytes());
            }
        }
        texts.get_mut(Path::new("Cargo.toml")).context("no Cargo.toml")?.extend(PROFILE.bytes());
        let root = self.root.join("workspace");
        remove_others(&root, &root, &texts)?;
        for (file, text) in texts {
            let file = root.join(file);
            if fs::read(&file).is_ok_and(|there| there == text) {
                continue;
            }
            if let Some(folder) = file.parent() {
                fs::create_dir_all(folder)?;
            }
            fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
        }
        for (link, to) in checkout::links()? {
            let link = root.join(link);
            symlink(to, &link).with_context(|| format!("cannot make the link {}", link.display()))?;
        }
        Ok(rewritten)
    }

    /// The programs, or what the compiler does not like.
    fn compile(&self) -> Result<Result<Vec<Program>, Vec<Diagnostic>>> {
        let root = self.root.join("workspace");
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        environment::clean(&mut cargo);
        cargo.args(["test", "--no-run", "--message-format=json"]).current_dir(&root);
        cargo.env("CARGO_TARGET_DIR", self.root.join("build"));
        let mut crates: Vec<&Crate> = Vec::new();
        for source in &self.sources {
            if !crates.contains(&source.room.krate) {
                crates.push(source.room.krate);
                cargo.args(["-p", source.room.krate.package]);
            }
        }
        let ended = process::run(&mut cargo, LIMIT)?;
        let output = ended.stream(Stream::Out);
        let messages = Message::parse_stream(output.as_bytes()).collect::<Result<Vec<_>, _>>()?;
        let (mut programs, mut errors) = (Vec::new(), Vec::new());
        for message in messages {
            match message {
                Message::CompilerMessage(message) if message.message.level == DiagnosticLevel::Error => {
                    errors.push(message.message);
                }
                Message::CompilerArtifact(artifact) if artifact.profile.test => {
                    let of = |krate: &&&Crate| artifact.package_id.repr.contains(&format!("/{}#", krate.folder));
                    let (Some(path), Some(krate)) = (artifact.executable, crates.iter().find(of)) else { continue };
                    let folder = root.join(krate.folder);
                    programs.push(Program { path: path.into(), folder, krate });
                }
                _ => {}
            }
        }
        if ended.status.success() {
            return Ok(Ok(programs));
        }
        if errors.is_empty() {
            bail!("cargo failed:\n{}", ended.stream(Stream::Err));
        }
        Ok(Err(errors))
    }
}

/// Removes files that are no longer in the checkout, and what tests have left.
fn remove_others(root: &Path, folder: &Path, texts: &BTreeMap<PathBuf, Vec<u8>>) -> Result<()> {
    let Ok(entries) = fs::read_dir(folder) else { return Ok(()) };
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() && !path.is_symlink() {
            remove_others(root, &path, texts)?;
        } else if !path.strip_prefix(root).is_ok_and(|file| texts.contains_key(file) || file == Path::new("Cargo.lock"))
        {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}
