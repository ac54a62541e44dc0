//! The texts of many files at once, on all cores: no file depends on another.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use super::{Piece, Renderer, Wanted};
use crate::memory;

/// Below so many topics and messages, starting a thread costs more than it saves.
const MANY: usize = 100;

/// More threads than this wait for each other's memory.
const MOST_THREADS: usize = 4;

/// About what rendering the largest texts of a large manifest takes.
const MEMORY: usize = 8 << 20;

impl Renderer<'_> {
    /// What `then` makes of the text of each file, in the order of the files.
    ///
    /// `then` is called on several threads, for one file once.
    pub fn texts<T, F>(&self, files: &[&Wanted<'_>], then: F) -> Vec<T>
    where
        T: Send,
        F: Fn(&Wanted<'_>, String) -> T + Sync,
    {
        let one = |file: &Wanted<'_>| then(file, self.text(file));
        let threads = self.threads(files.len());
        if threads < 2 {
            return files.iter().map(|file| one(file)).collect();
        }
        // The longest first, so that none of them is begun when the other threads are done.
        let mut order: Vec<(usize, &Wanted<'_>)> = files.iter().copied().enumerate().collect();
        order.sort_by_key(|(_, file)| std::cmp::Reverse(length(&file.piece)));
        let next = AtomicUsize::new(0);
        let work = || {
            let mut done = Vec::new();
            while let Some(&(at, file)) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
                done.push((at, one(file)));
            }
            done
        };
        let mut done = thread::scope(|scope| {
            let other = || {
                memory::take(MEMORY);
                work()
            };
            let others: Vec<_> = (1..threads).map(|_| scope.spawn(other)).collect();
            let mut done = work();
            for other in others {
                match other.join() {
                    Ok(more) => done.extend(more),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
            done
        });
        done.sort_unstable_by_key(|(at, _)| *at);
        done.into_iter().map(|(_, one)| one).collect()
    }

    fn threads(&self, files: usize) -> usize {
        if self.model.topics.len() + self.model.messages.len() < MANY {
            return 1;
        }
        let cores = thread::available_parallelism().map_or(1, usize::from);
        cores.min(MOST_THREADS).min(files)
    }
}

/// How long a text is beside those of other files, about: some speak of the whole manifest.
fn length(piece: &Piece<'_>) -> usize {
    match piece {
        Piece::Messages => 4,
        Piece::Routes => 3,
        Piece::Topics => 2,
        Piece::Workers => 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Dependency, FileKind, Layout};
    use super::*;
    use crate::{compile, source::Source};

    /// If this fails, a controller of a large manifest is written into another one's file.
    #[test]
    fn each_file_has_its_own_text_whoever_renders_it() {
        let topics: String = (0..MANY).map(|n| format!("  t{n}: {{ controller: C{n}Controller }}\n")).collect();
        let compiled = compile(&Source::new("karafka.yml", format!("app: many\ntopics:\n{topics}")));
        let model = compiled.model.expect("the manifest is right");
        let renderer = Renderer::new(&model, Dependency::Version("1".into()));
        let wanted = renderer.wanted(&Layout::default());
        let files: Vec<_> = wanted.iter().collect();
        let texts = renderer.texts(&files, |file, text| (file.path.clone(), text));
        assert_eq!(texts.len(), wanted.len());
        for ((path, text), wanted) in texts.iter().zip(&wanted) {
            assert_eq!((path, text), (&wanted.path, &renderer.text(wanted)));
        }
        assert!(wanted.iter().filter(|file| file.kind == FileKind::Owned).count() > MANY);
    }
}
