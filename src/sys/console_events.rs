//! Ctrl-C, Ctrl-Break and the end of the console or the session, on Windows.
#![expect(
    unsafe_code,
    reason = "the standard library has no handlers of console events"
)]

use std::sync::OnceLock;

use windows_sys::Win32::System::Console::SetConsoleCtrlHandler;

static HANDLER: OnceLock<fn()> = OnceLock::new();

/// Has a function called for every event, on a thread of its own. After a console was closed the system ends the process
/// when the function returns, or after five seconds.
pub(super) fn install_handler(handler: fn()) {
    HANDLER.get_or_init(|| handler);
    // SAFETY: The function lives as long as the process. Without a console there is no event.
    let _installed = unsafe { SetConsoleCtrlHandler(Some(on_event), 1) };
}

extern "system" fn on_event(_event: u32) -> i32 {
    if let Some(handler) = HANDLER.get() {
        handler();
    }
    1
}
