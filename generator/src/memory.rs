//! Memory from the system in one piece.

/// Blocks of more than 32 MiB raise nothing.
const MOST: usize = 15 << 20;

/// Has the allocator take about so many bytes from the system at once, for the thread that calls, and keep them.
///
/// glibc's heap of a second thread grows by a page and a system call at a time, and every heap gives back what is free
/// at its end, only to ask for it again. A block that was mapped and freed raises the size from which it does either
/// (`mallopt(3)`, `M_MMAP_THRESHOLD`); the block after that comes out of the heap, and the heap keeps it. Pages that
/// nobody writes to cost nothing; with other allocators nothing else happens.
pub fn take(bytes: usize) {
    let bytes = bytes.min(MOST);
    for size in [2 * bytes, bytes] {
        drop(std::hint::black_box(Vec::<u8>::with_capacity(size)));
    }
}
