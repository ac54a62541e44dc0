//! Where a source can be changed, and how.
//!
//! Left alone: tests, patterns, types, constants, `const fn`, and what macros are given, as none of these can ask at run time
//! which mutant is on.

use std::{collections::BTreeMap, ops::Range};

use anyhow::{Context, Result};
use quote::ToTokens;
use syn::{
    Attribute, BinOp, Block, Expr, ExprBinary, ImplItemFn, ItemConst, ItemFn, ItemImpl, ItemMod, ItemStatic, ItemTrait,
    Lit, Pat, ReturnType, Signature, Stmt, TraitItemFn, Type, UnOp,
    spanned::Spanned,
    visit::{self, Visit},
};

/// A place in a source, with the mutants that are there.
#[derive(Debug, Clone)]
pub(crate) struct Site {
    /// Its bytes.
    pub(crate) at: Range<usize>,
    pub(crate) form: Form,
    pub(crate) mutants: Vec<Mutant>,
}

/// How the mutants of a site are switched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// One expression in the place of another.
    Expression,
    /// A statement that is left out.
    Statement,
    /// What is returned before a function begins.
    Entry,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mutant {
    /// Counted through all sources of a run, from 1.
    pub(crate) number: u32,
    /// The function that it is in, with its type.
    pub(crate) function: String,
    pub(crate) line: usize,
    /// What is changed to what, for people.
    pub(crate) change: String,
    /// What stands there instead, for the compiler.
    code: String,
}

impl Mutant {
    pub(crate) fn code(&self) -> &str {
        &self.code
    }
}

/// All sites of a source, outer ones before what is in them; mutants are numbered from `first` on.
///
/// # Errors
///
/// When it is not Rust.
pub(crate) fn sites(text: &str, first: u32) -> Result<Vec<Site>> {
    let file = syn::parse_file(text).context("not Rust")?;
    let mut finder = Finder { text, next: first, owners: Vec::new(), functions: Vec::new(), sites: Vec::new() };
    finder.visit_file(&file);
    let mut sites = finder.sites;
    sites.sort_by_key(|site| (site.at.start, std::cmp::Reverse(site.at.end)));
    tell_apart(&mut sites);
    Ok(sites)
}

/// Counts changes that a function has more than once.
fn tell_apart(sites: &mut [Site]) {
    let mut seen = BTreeMap::new();
    for mutant in sites.iter_mut().flat_map(|site| &mut site.mutants) {
        let count = seen.entry((mutant.function.clone(), mutant.change.clone())).or_insert(0);
        *count += 1;
        if *count > 1 {
            mutant.change = format!("{} #{count}", mutant.change);
        }
    }
}

struct Finder<'a> {
    text: &'a str,
    next: u32,
    /// Inner modules, and the types and traits whose functions are visited.
    owners: Vec<String>,
    functions: Vec<String>,
    sites: Vec<Site>,
}

impl Finder<'_> {
    /// Notes a site: what it becomes, for people and for the compiler.
    fn site(&mut self, node: &(impl Spanned + ?Sized), form: Form, becomes: Vec<(String, String)>) {
        let span = node.span();
        let from = self.shown(span.byte_range());
        let becomes = becomes.into_iter().map(|(shown, code)| (format!("{from} -> {shown}"), code)).collect();
        self.site_at(span.byte_range(), span.start().line, form, becomes);
    }

    fn site_at(&mut self, at: Range<usize>, line: usize, form: Form, becomes: Vec<(String, String)>) {
        // Outside of functions there are constants only.
        if self.functions.is_empty() || becomes.is_empty() {
            return;
        }
        let function = self.owners.iter().chain(&self.functions).cloned().collect::<Vec<_>>().join("::");
        let mut mutants = Vec::new();
        for (change, code) in becomes {
            mutants.push(Mutant { number: self.next, function: function.clone(), line, change, code });
            self.next += 1;
        }
        self.sites.push(Site { at, form, mutants });
    }

    /// A piece of the source on one line.
    fn shown(&self, at: Range<usize>) -> String {
        let words: Vec<_> = self.text.get(at).unwrap_or_default().split_whitespace().collect();
        words.join(" ").replace(" .", ".").replace("( ", "(").replace(", )", ")")
    }

    fn function(
        &mut self,
        attributes: &[Attribute],
        signature: &Signature,
        block: &Block,
        visit: impl FnOnce(&mut Self),
    ) {
        if is_left_alone(attributes) || signature.constness.is_some() {
            return;
        }
        self.functions.push(signature.ident.to_string());
        self.entry(signature, block);
        visit(self);
        self.functions.pop();
    }

    fn entry(&mut self, signature: &Signature, block: &Block) {
        let ReturnType::Type(_, output) = &signature.output else { return };
        let Type::Path(path) = &**output else { return };
        let Some(last) = path.path.segments.last() else { return };
        let results: &[&str] = match &*last.ident.to_string() {
            "bool" => &["true", "false"],
            "Option" => &["None"],
            _ => return,
        };
        let body = match &block.stmts[..] {
            [only] => only.to_token_stream().to_string(),
            _ => String::new(),
        };
        let becomes = results.iter().filter(|&&result| result != body);
        let becomes = becomes.map(|result| (format!("returns {result}"), (*result).to_owned())).collect();
        let open = block.brace_token.span.open();
        let begin = open.byte_range().end;
        self.site_at(begin..begin, open.start().line, Form::Entry, becomes);
    }

    fn binary(&mut self, expression: &ExprBinary) {
        let is_chain_of_lets = has_let(&expression.left) || has_let(&expression.right);
        if is_chain_of_lets {
            return;
        }
        let (left, right) = (&expression.left, &expression.right);
        let shown = [left.span(), right.span()].map(|span| self.shown(span.byte_range()));
        let becomes = others(&expression.op).iter().map(|other| {
            let [before, after] = &shown;
            let code = format!("({}) {other} ({})", left.to_token_stream(), right.to_token_stream());
            (format!("{before} {other} {after}"), code)
        });
        self.site(expression, Form::Expression, becomes.collect());
    }

    fn guard(&mut self, guard: &Expr) {
        if !has_let(guard) {
            let becomes = ["true", "false"].map(|forced| (forced.to_owned(), forced.to_owned()));
            let (span, shown) = (guard.span(), self.shown(guard.span().byte_range()));
            let becomes = becomes.map(|(shown_forced, code)| (format!("if {shown} -> if {shown_forced}"), code));
            self.site_at(span.byte_range(), span.start().line, Form::Expression, becomes.into());
        }
        self.visit_expr(guard);
    }
}

impl<'ast> Visit<'ast> for Finder<'_> {
    fn visit_expr(&mut self, node: &'ast Expr) {
        match node {
            Expr::Binary(binary) => self.binary(binary),
            Expr::Unary(unary) if matches!(unary.op, UnOp::Not(_)) => {
                let shown = self.shown(unary.expr.span().byte_range());
                self.site(node, Form::Expression, vec![(shown, unary.expr.to_token_stream().to_string())]);
            }
            Expr::Lit(literal) => {
                if let Lit::Int(number) = &literal.lit
                    && let Ok(value) = number.base10_parse::<u64>()
                    && let Some(next) = value.checked_add(1)
                {
                    let next = format!("{next}{}", number.suffix());
                    self.site(node, Form::Expression, vec![(next.clone(), next)]);
                }
            }
            // Its length is a constant.
            Expr::Repeat(repeat) => return self.visit_expr(&repeat.expr),
            Expr::Const(_) => return,
            _ => {}
        }
        visit::visit_expr(self, node);
    }

    fn visit_stmt(&mut self, node: &'ast Stmt) {
        if let Stmt::Expr(expression, Some(_)) = node
            && is_call(expression)
        {
            self.site(node, Form::Statement, vec![("left out".to_owned(), String::new())]);
        }
        visit::visit_stmt(self, node);
    }

    fn visit_pat(&mut self, node: &'ast Pat) {
        // All else in a pattern is a constant.
        if let Pat::Guard(guarded) = node {
            self.guard(&guarded.guard);
        }
    }

    fn visit_item_fn(&mut self, node: &'ast ItemFn) {
        self.function(&node.attrs, &node.sig, &node.block, |this| visit::visit_item_fn(this, node));
    }

    fn visit_impl_item_fn(&mut self, node: &'ast ImplItemFn) {
        self.function(&node.attrs, &node.sig, &node.block, |this| visit::visit_impl_item_fn(this, node));
    }

    fn visit_trait_item_fn(&mut self, node: &'ast TraitItemFn) {
        if let Some(block) = &node.default {
            self.function(&node.attrs, &node.sig, block, |this| visit::visit_trait_item_fn(this, node));
        }
    }

    fn visit_item_impl(&mut self, node: &'ast ItemImpl) {
        if is_left_alone(&node.attrs) {
            return;
        }
        let owner = match &*node.self_ty {
            Type::Path(path) => path.path.segments.last().map(|last| last.ident.to_string()),
            _ => None,
        };
        let owner = owner.unwrap_or_else(|| node.self_ty.to_token_stream().to_string());
        let owner = match &node.trait_ {
            Some((.., of, _)) => format!("<{owner} as {}>", of.to_token_stream().to_string().replace(' ', "")),
            None => owner,
        };
        self.owners.push(owner);
        visit::visit_item_impl(self, node);
        self.owners.pop();
    }

    fn visit_item_trait(&mut self, node: &'ast ItemTrait) {
        self.owners.push(node.ident.to_string());
        visit::visit_item_trait(self, node);
        self.owners.pop();
    }

    fn visit_item_mod(&mut self, node: &'ast ItemMod) {
        if !is_left_alone(&node.attrs) {
            self.owners.push(node.ident.to_string());
            visit::visit_item_mod(self, node);
            self.owners.pop();
        }
    }

    fn visit_item_const(&mut self, _: &'ast ItemConst) {}

    fn visit_item_static(&mut self, _: &'ast ItemStatic) {}

    fn visit_type(&mut self, _: &'ast Type) {}

    fn visit_generic_argument(&mut self, _: &'ast syn::GenericArgument) {}

    fn visit_attribute(&mut self, _: &'ast Attribute) {}
}

/// Whether it is a test, or there for tests only, or never.
fn is_left_alone(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let words = attribute.meta.to_token_stream().to_string();
        let mut words = words.split(|letter: char| !letter.is_alphanumeric() && letter != '_');
        words.clone().next() == Some("test") || words.next() == Some("cfg") && words.any(|word| word == "test")
    })
}

/// Whether it binds names, so that it can stand in a condition only.
fn has_let(expression: &Expr) -> bool {
    match expression {
        Expr::Let(_) => true,
        Expr::Binary(binary) => has_let(&binary.left) || has_let(&binary.right),
        _ => false,
    }
}

/// Whether it is done for its effect.
fn is_call(expression: &Expr) -> bool {
    match expression {
        Expr::MethodCall(_) => true,
        // To let go of something early is rarely more than tidy.
        Expr::Call(call) => call.func.to_token_stream().to_string() != "drop",
        Expr::Try(inner) => is_call(&inner.expr),
        Expr::Await(inner) => is_call(&inner.base),
        _ => false,
    }
}

/// What an operator may be mistaken for.
fn others(operator: &BinOp) -> &'static [&'static str] {
    match operator {
        BinOp::Lt(_) => &["<=", ">="],
        BinOp::Le(_) => &["<", ">"],
        BinOp::Gt(_) => &[">=", "<="],
        BinOp::Ge(_) => &[">", "<"],
        BinOp::Eq(_) => &["!="],
        BinOp::Ne(_) => &["=="],
        BinOp::And(_) => &["||"],
        BinOp::Or(_) => &["&&"],
        BinOp::Add(_) => &["-"],
        BinOp::Sub(_) => &["+"],
        BinOp::Mul(_) => &["/"],
        BinOp::Div(_) | BinOp::Rem(_) => &["*"],
        BinOp::BitAnd(_) | BinOp::BitXor(_) => &["|"],
        BinOp::BitOr(_) => &["&"],
        BinOp::Shl(_) => &[">>"],
        BinOp::Shr(_) => &["<<"],
        BinOp::AddAssign(_) => &["-="],
        BinOp::SubAssign(_) => &["+="],
        BinOp::MulAssign(_) => &["/="],
        BinOp::DivAssign(_) | BinOp::RemAssign(_) => &["*="],
        BinOp::BitAndAssign(_) | BinOp::BitXorAssign(_) => &["|="],
        BinOp::BitOrAssign(_) => &["&="],
        BinOp::ShlAssign(_) => &[">>="],
        BinOp::ShrAssign(_) => &["<<="],
        _ => &[],
    }
}
