//! The jail of ffmpeg and ffprobe.
//!
//! A source is a stranger's bytes, and a decoder is a million lines of C. So a worker
//! never starts ffmpeg itself: it starts `weir jail … -- ffmpeg …` (`Tools` writes that
//! command), a fresh process of one thread that takes from itself what ffmpeg does not
//! need ([`enter_and_exec`]) and then becomes ffmpeg. What cannot be taken away ends it
//! with [`EXIT_REFUSED`]: it never goes on unconfined unless the operator said so
//! ([`Mode`]).
//!
//! - **Files** (landlock): reads system libraries and what `Access` names, writes to one
//!   folder at most, executes nothing but itself.
//! - **System calls** (seccomp): no socket, no other process to make, signal, trace or
//!   read, no mount, namespace, key, `io_uring` or change of a file's owner or mode.
//! - **Limits**: address space, length of a file, open files, no core dump.
//! - **Environment**: `PATH` and `LANG` only. Own process group.
//!
//! What it does not do: hide that files exist (landlock lets `stat` through), limit the
//! memory that is in use rather than reserved (a cgroup around the worker does), or drop
//! root, so a worker should not be root.

mod calls;
mod enter;
mod files;
mod kernel;
mod rules;
mod tools;

pub use enter::{EXIT_REFUSED, JailError, enter_and_exec};
pub use kernel::Kernel;
pub use rules::{Mode, Rules};
pub(crate) use tools::{Access, Tools};
