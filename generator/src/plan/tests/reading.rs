//! What is read of a file, and what is not.

use std::{
    io::Read,
    os::unix::{fs::symlink, net::UnixListener},
};

use super::*;

/// If this fails, a file that just fits is refused, or one without an end fills the memory.
#[test]
fn as_much_is_read_as_is_said() {
    let most = MOST as usize;
    assert_eq!(read_stream(io::repeat(b'x').take(MOST)).unwrap().len(), most);
    for stream in [io::repeat(b'x').take(MOST + 1), io::repeat(b'x').take(u64::MAX)] {
        assert_eq!(read_stream(stream).unwrap_err().to_string(), "it is larger than 16 MiB");
    }
}

/// If this fails, a command waits for ever for what nobody writes, or says of it that it is something else.
#[test]
fn what_is_no_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    fs::write(root.join("file"), "text").unwrap();
    fs::create_dir(root.join("folder")).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, root.join("pipe"), rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0)
        .unwrap();
    for (name, target) in
        [("link", "file"), ("to a folder", "folder"), ("to nothing", "nothing"), ("to a device", "/dev/null")]
    {
        symlink(target, root.join(name)).unwrap();
    }
    let read = |name: &str| read_file(&root.join(name)).map_err(|error| error.to_string());
    assert_eq!(read("file").unwrap(), b"text");
    assert_eq!(read("link").unwrap(), b"text");
    for (name, what) in
        [("folder", "a folder"), ("to a folder", "a folder"), ("pipe", "a pipe"), ("to a device", "a device")]
    {
        assert_eq!(read(name), Err(format!("it is {what}, and a file must be there")), "{name}");
    }
    assert_eq!(read_file(&root.join("to nothing")).unwrap_err().kind(), io::ErrorKind::NotFound);
    // The system does not open one at all.
    let _socket = UnixListener::bind(root.join("socket")).unwrap();
    read("socket").unwrap_err();
}
