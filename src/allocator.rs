//! Memory, and the end when there is no more of it.
//!
//! The standard library aborts where an allocation fails: the user sees a core dump in place of an error. This allocator
//! is the system's own, but a failure is one like any other: a message, a way out and exit code 1. What is under way
//! beside outputs is removed first, as after an interrupt.

#![expect(unsafe_code, reason = "an allocator cannot be had without")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::Write as _;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// The system's allocator, for `#[global_allocator]` of the program.
#[derive(Debug)]
pub struct Allocator;

/// Whether some thread is ending the program already.
static ENDING: AtomicBool = AtomicBool::new(false);

/// What is done before the end.
static LAST_ACT: OnceLock<fn()> = OnceLock::new();

/// From now on `act` is called once before the program ends for want of memory. It must wait for no lock, which the
/// thread that wants memory may hold; memory that it cannot get ends the program at once.
pub fn before_the_end(act: fn()) {
    let _ = LAST_ACT.set(act);
}

// SAFETY: each call is handed on to the system's allocator as it is, and what that gives is given back.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise is the system's.
        checked(unsafe { System.alloc(layout) }, layout.size())
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise is the system's.
        checked(unsafe { System.alloc_zeroed(layout) }, layout.size())
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is the system's.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller's promise is the system's.
        checked(unsafe { System.realloc(pointer, layout, size) }, size)
    }
}

/// `pointer`, unless it is the null of a failure.
#[inline]
fn checked(pointer: *mut u8, size: usize) -> *mut u8 {
    if pointer.is_null() {
        end(size);
    }
    pointer
}

/// Ends the program, since `size` bytes could not be had. Nothing here may want memory.
#[cold]
fn end(size: usize) -> ! {
    if !ENDING.swap(true, Ordering::SeqCst) {
        let mut message = Text { bytes: [0; 256], length: 0 };
        let _ = write!(
            message,
            "error: the system gives no more memory: {size} bytes were asked for\nhelp: allow more of it (`ulimit -v`, the \
             limit of the container), or ask for less at once\n"
        );
        let text = message.bytes.get(..message.length).unwrap_or_default();
        // SAFETY: the bytes are there, and a descriptor that is closed is an error that nobody is left to hear of.
        let _ = unsafe { nix::libc::write(2, text.as_ptr().cast(), text.len()) };
        if let Some(act) = LAST_ACT.get() {
            act();
        }
    }
    // SAFETY: it ends the process and nothing else: what runs at an ordinary exit may want memory.
    unsafe { nix::libc::_exit(1) }
}

/// Text in place.
struct Text {
    bytes: [u8; 256],
    length: usize,
}

impl std::io::Write for Text {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let rest = self.bytes.get_mut(self.length..).unwrap_or_default();
        let length = bytes.len().min(rest.len());
        for (to, from) in rest.iter_mut().zip(bytes) {
            *to = *from;
        }
        self.length += length;
        Ok(length)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
