//! Reading what a checkout holds, which anybody may have made: never waits, and never takes more memory than a file of
//! an app could need.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read},
    os::unix::fs::{FileTypeExt, OpenOptionsExt},
    path::Path,
};

/// The most that is read of one file: 16 MiB, more than a hundred times what a large app's largest file has.
pub const MOST: u64 = 16 << 20;

/// Reads a file of an app, at most [`MOST`] bytes of it.
///
/// # Errors
///
/// Those of the system; and when a folder, a pipe, a device or a socket is there (or where a link leads), or a larger
/// file.
pub fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    // A pipe would be waited for.
    read_opened(OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path)?)
}

/// Reads what another program or a person writes for us, at most [`MOST`] bytes of it, and waits for it.
///
/// # Errors
///
/// Those of the system, and when there is more.
pub fn read_stream(stream: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    stream.take(MOST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST {
        return Err(io::Error::other(format!("it is larger than {} MiB", MOST >> 20)));
    }
    Ok(bytes)
}

/// Reads a file that was opened without waiting.
pub(super) fn read_opened(file: File) -> io::Result<Vec<u8>> {
    // Asked of what is open, and not of the path, which may lead elsewhere by now.
    let kind = file.metadata()?.file_type();
    if !kind.is_file() {
        let what = match () {
            () if kind.is_dir() => "a folder",
            () if kind.is_fifo() => "a pipe",
            () if kind.is_socket() => "a socket",
            () => "a device",
        };
        return Err(io::Error::other(format!("it is {what}, and a file must be there")));
    }
    read_stream(file)
}
