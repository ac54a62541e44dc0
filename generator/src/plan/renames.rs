//! Files that were probably renamed: one of their kind is left over, and one is new.

use super::{
    Action, Plan,
    paths::{is_part, is_test},
};

impl Plan {
    /// Where the content of a file belongs that is no longer in the manifest: the only new one of its kind, if it is the
    /// only one that was left just now.
    #[must_use]
    pub fn renamed_to(&self, left: &str) -> Option<&str> {
        let kind = kind(left)?;
        let of_kind = |action| {
            self.steps
                .iter()
                .filter(move |step| step.action == action && self::kind(&step.path) == Some(kind))
                .filter(|step| !self.left_before.contains(&step.path))
                .map(|step| step.path.as_str())
        };
        let [left_over, new] = [Action::Keep, Action::Create].map(|action| {
            let mut paths = of_kind(action);
            paths.next().filter(|_| paths.next().is_none())
        });
        new.filter(|_| left_over == Some(left))
    }
}

/// `src/controllers/` and its like, or `tests/`; none for what is generated.
fn kind(path: &str) -> Option<&str> {
    if path.ends_with("/mod.rs") {
        return None;
    }
    let segments = match path {
        path if is_test(path) => 1,
        path if is_part(path) => 2,
        _ => return None,
    };
    let (end, _) = path.match_indices('/').nth(segments - 1)?;
    Some(&path[..=end])
}
