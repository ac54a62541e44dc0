//! `emits` is enforced by the compiler, and so is the `.await` of what is sent.

use karafka_tests::app::App;

const MANIFEST: &str = "\
app: emitter

topics:
  orders: { controller: OrdersController, emits: [receipts] }
  receipts: {}
  refunds: {}
";

/// A controller that sends to a topic, and what stands behind the call.
fn controller(topic: &str, rest: &str) -> String {
    format!(
        "//! Handles `orders`.

use crate::generated::prelude::*;

/// Handles the messages of `orders`.
#[derive(Debug, Default)]
pub struct OrdersController;

impl Controller for OrdersController {{
    async fn perform(&self, message: &Message<Json>, ctx: &Context<Self>) -> Result {{
        ctx.emit(topics::{topic}, &message.payload){rest};
        Ok(())
    }}
}}
"
    )
}

/// If this fails, `karafka flow` no longer shows all that the code can do, or a forgotten `.await` loses messages in
/// silence; or the compiler leaves the user without what to write.
#[test]
fn emitting_wrongly_does_not_compile_and_says_what_to_write() {
    let app = App::from_manifest("emitter", MANIFEST).expect("the app is made");
    let path = "src/controllers/orders_controller.rs";
    let cargo = app.cargo().expect("cargo is there");

    app.rewrite(path, &controller("Receipts", ".await?")).expect("the controller is written");
    cargo.run("check", &[]).expect("cargo runs").expect_code(0).expect("emitting what is listed compiles");

    app.rewrite(path, &controller("Refunds", ".await?")).expect("the controller is written");
    let refused = cargo.run("check", &[]).expect("cargo runs").expect_code(101).expect("the compiler refuses").text();
    assert!(refused.contains("does not list `refunds` under `emits`"), "{refused}");
    assert!(refused.contains("add `refunds` to `emits:`"), "{refused}");
    assert!(refused.contains(path), "{refused}");

    app.rewrite(path, &controller("Receipts", "")).expect("the controller is written");
    let refused = cargo.run("check", &[]).expect("cargo runs").expect_code(101).expect("the compiler refuses").text();
    assert!(refused.contains("nothing is sent until it is awaited: write `.await?` behind it"), "{refused}");
    assert!(refused.contains(path), "{refused}");

    // `?` takes errors alone.
    let text = controller("Receipts", ".await?").replace("Ok(())", "Err(\"a text\")?");
    app.rewrite(path, &text).expect("the controller is written");
    let refused = cargo.run("check", &[]).expect("cargo runs").expect_code(101).expect("the compiler refuses").text();
    assert!(refused.contains("write `.map_err(Error::from_boxed)?` here"), "{refused}");
}
