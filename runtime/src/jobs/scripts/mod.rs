//! The scripts that move jobs: one file each, which says what it takes and gives.

use std::{collections::BTreeMap, sync::LazyLock};

use redis::{Cmd, ErrorKind, FromRedisValue, RedisResult, Script, ToRedisArgs, aio::MultiplexedConnection};

/// What every script begins with.
const HEAD: &str = include_str!("move.lua");

/// A script of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Lua {
    Beat,
    BuryInProgress,
    BuryFromSet,
    Due,
    EnqueueDue,
    Exchange,
    Forget,
    InProgress,
    Push,
    PutBack,
    SetAside,
    TakeForDead,
}

/// What is in no list and no set: scripts prove by it that they may take something out.
pub(super) static NOTHING: LazyLock<String> = LazyLock::new(|| format!("nothing:{}", uuid::Uuid::new_v4().simple()));

impl Lua {
    const ALL: [Self; 12] = [
        Self::Beat,
        Self::BuryInProgress,
        Self::BuryFromSet,
        Self::Due,
        Self::EnqueueDue,
        Self::Exchange,
        Self::Forget,
        Self::InProgress,
        Self::Push,
        Self::PutBack,
        Self::SetAside,
        Self::TakeForDead,
    ];

    fn text(self) -> String {
        let text = match self {
            Self::Beat => include_str!("beat.lua"),
            Self::BuryInProgress => include_str!("bury_in_progress.lua"),
            Self::BuryFromSet => include_str!("bury_from_set.lua"),
            Self::Due => include_str!("due.lua"),
            Self::EnqueueDue => include_str!("enqueue_due.lua"),
            Self::Exchange => include_str!("exchange.lua"),
            Self::Forget => include_str!("forget.lua"),
            Self::InProgress => include_str!("in_progress.lua"),
            Self::Push => include_str!("push.lua"),
            Self::PutBack => include_str!("put_back.lua"),
            Self::SetAside => include_str!("set_aside.lua"),
            Self::TakeForDead => include_str!("take_for_dead.lua"),
        };
        format!("{HEAD}{text}")
    }

    /// A call of it with these keys, to which arguments are added.
    pub(super) fn call(self, keys: &[&str]) -> Call {
        let script = self.script();
        let mut command = redis::cmd("EVALSHA");
        command.arg(script.get_hash()).arg(keys.len()).arg(keys);
        Call { script, command }
    }

    fn script(self) -> &'static Script {
        static SCRIPTS: LazyLock<BTreeMap<Lua, Script>> =
            LazyLock::new(|| Lua::ALL.into_iter().map(|lua| (lua, Script::new(&lua.text()))).collect());
        #[cfg(all(test, feature = "real-redis"))]
        if let Some(script) = faults::script(&self.text()) {
            return script;
        }
        &SCRIPTS[&self]
    }
}

/// A call of a script. Written as it is sent: the client's own keeps a copy more of each job.
pub(super) struct Call {
    script: &'static Script,
    command: Cmd,
}

impl Call {
    pub(super) fn arg(&mut self, argument: impl ToRedisArgs) -> &mut Self {
        self.command.arg(argument);
        self
    }

    pub(super) async fn run<T: FromRedisValue>(&self, connection: &mut MultiplexedConnection) -> RedisResult<T> {
        match self.command.query_async(connection).await {
            // After a restart, say.
            Err(error) if error.kind() == ErrorKind::NoScriptError => {
                self.script.load_async(connection).await?;
                self.command.query_async(connection).await
            }
            answered => answered,
        }
    }
}

/// A Redis that fails amid a script.
#[cfg(all(test, feature = "real-redis"))]
pub(super) mod faults {
    use std::cell::Cell;

    use redis::Script;

    thread_local! {
        static FAILS: Cell<Option<u32>> = const { Cell::new(None) };
    }

    /// From now on, on this thread, each script meets an error at this command of it, counted from 1.
    pub(in crate::jobs) fn fail_at(command: Option<u32>) {
        FAILS.set(command);
    }

    pub(super) fn script(text: &str) -> Option<&'static Script> {
        let command = FAILS.get()?;
        let shadow = format!(
            "local real, count = redis, 0
            local function fails() count = count + 1 return count == {command} end
            local redis = {{ sha1hex = real.sha1hex }}
            redis.call = function(...) if fails() then error('at {command}') end return real.call(...) end
            redis.pcall = function(...)
                if fails() then return {{ err = 'ERR at {command}' }} end
                return real.pcall(...)
            end\n"
        );
        // As long as the test's process.
        Some(Box::leak(Box::new(Script::new(&format!("{shadow}{text}")))))
    }
}
