//! `emits` is enforced by the compiler.

use karafka_tests::app::App;

const MANIFEST: &str = "\
app: emitter

topics:
  orders: { controller: OrdersController, emits: [receipts] }
  receipts: {}
  refunds: {}
";

/// A controller that sends to the topic `{}`.
fn controller(topic: &str) -> String {
    format!(
        "//! Handles `orders`.

use crate::generated::prelude::*;

/// Handles the messages of `orders`.
#[derive(Debug, Default)]
pub struct OrdersController;

impl Controller for OrdersController {{
    async fn perform(&self, message: &Message<Json>, ctx: &Context<Self>) -> Result {{
        ctx.emit(topics::{topic}, &message.payload).await?;
        Ok(())
    }}
}}
"
    )
}

/// If this fails, `karafka flow` no longer shows all that the code can do, or the compiler leaves the user without
/// the line to add.
#[test]
fn emitting_what_the_manifest_does_not_list_fails_and_says_what_to_add() {
    let app = App::from_manifest("emitter", MANIFEST).expect("the app is made");
    let path = "src/controllers/orders_controller.rs";
    let cargo = app.cargo().expect("cargo is there");

    app.rewrite(path, &controller("Receipts")).expect("the controller is written");
    cargo.run("check", &[]).expect("cargo runs").expect_code(0).expect("emitting what is listed compiles");

    app.rewrite(path, &controller("Refunds")).expect("the controller is written");
    let refused = cargo.run("check", &[]).expect("cargo runs").expect_code(101).expect("the compiler refuses").text();
    assert!(refused.contains("does not list `refunds` under `emits`"), "{refused}");
    assert!(refused.contains("add `refunds` to `emits:`"), "{refused}");
    assert!(refused.contains(path), "{refused}");
}
