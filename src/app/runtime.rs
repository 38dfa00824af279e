//! The async runtime of the process. It lives as long as [`super::App`], and with it the pooled HTTP connections.

use std::io;
use std::sync::OnceLock;

use tokio::runtime::{Builder, Runtime};
use tokio::task;

/// A single-threaded runtime that is built with its first use.
#[derive(Debug, Default)]
pub(super) struct AsyncRuntime(OnceLock<io::Result<Runtime>>);

impl AsyncRuntime {
    /// Runs a future to completion. Several threads may call it at the same time; they share the I/O driver.
    pub(super) fn block_on<T>(&self, future: impl Future<Output = T>) -> io::Result<T> {
        let runtime = self
            .0
            .get_or_init(|| Builder::new_current_thread().enable_all().build());
        let runtime = runtime
            .as_ref()
            .map_err(|error| io::Error::new(error.kind(), error.to_string()))?;
        Ok(runtime.block_on(async {
            // Nothing drives pooled connections between two calls. The first yield polls the driver, the second lets a
            // connection that its server has closed meanwhile leave the pool before it is used again.
            task::yield_now().await;
            task::yield_now().await;
            future.await
        }))
    }
}

impl Drop for AsyncRuntime {
    fn drop(&mut self) {
        // Dropping a runtime waits for its blocking tasks: a name that is still being resolved would delay the exit.
        if let Some(Ok(runtime)) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
