//! Where links lead, and that each page is in the summary.

use std::{collections::BTreeSet, fs};

use karafka_tests::{checkout, markdown::Page};

use super::{REPOSITORY, all, all_right, pages, read, readme};

/// If this fails, a page is written and nobody finds it, or mdBook does not build.
#[test]
fn each_page_is_in_the_summary_once() {
    let summary = read("SUMMARY.md");
    // A draft chapter leads nowhere.
    let listed: Vec<_> =
        summary.links.iter().map(|link| link.target.as_str()).filter(|name| !name.is_empty()).collect();
    let unique: BTreeSet<_> = listed.iter().copied().collect();
    assert_eq!(unique.len(), listed.len(), "a page stands twice: {listed:?}");
    let there: BTreeSet<_> = pages().iter().map(|page| page.name.as_str()).collect();
    assert_eq!(unique, there, "docs/src/SUMMARY.md lists other pages than there are");
}

/// If this fails, a reader follows a link to nothing.
#[test]
fn every_link_leads_somewhere() {
    let wrong: Vec<_> = all()
        .flat_map(|page| {
            page.links.iter().filter_map(move |link| {
                let why = leads_nowhere(page, &link.target)?;
                Some(format!("{}:{}: ({}) {why}", page.name, link.line, link.target))
            })
        })
        .collect();
    all_right("links that lead nowhere", &wrong);
}

/// Why a link of a page leads nowhere.
fn leads_nowhere(page: &Page, target: &str) -> Option<String> {
    if let Some(path) = target.strip_prefix(REPOSITORY).filter(|rest| !rest.is_empty() && *rest != ".git") {
        let path = path.strip_prefix("/blob/main/").or_else(|| path.strip_prefix("/tree/main/"));
        let Some(path) = path else { return Some("is no file of the branch `main`".to_owned()) };
        return in_checkout(path);
    }
    if target.contains("://") {
        return None;
    }
    if std::ptr::eq(page, readme()) {
        return in_checkout(target);
    }
    let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
    let Some(to) = (if file.is_empty() { Some(page) } else { pages().iter().find(|other| other.name == file) }) else {
        return Some("is no page of the book; what is elsewhere has the address of the repository".to_owned());
    };
    (!anchor.is_empty() && !to.anchors().contains(anchor)).then(|| format!("{} has no such heading", to.name))
}

/// Why a path, with or without an anchor, is not in the checkout.
fn in_checkout(target: &str) -> Option<String> {
    let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
    let path = checkout::root().join(file);
    if !path.exists() {
        return Some("is not in the checkout".to_owned());
    }
    if anchor.is_empty() {
        return None;
    }
    let text = fs::read_to_string(path).unwrap_or_default();
    (!Page::read(file, &text).anchors().contains(anchor)).then(|| "has no such heading".to_owned())
}
