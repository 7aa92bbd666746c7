//! How fast this machine reads a file in the page cache: nothing but loads, by so many processes at once.
//! Usage: read_floor PROCESSES FILE. Prints the seconds from the start of reading to the end of the last process.
//! Made by `rustc -O`, without any library.

use std::fs::File;
use std::hint::black_box;
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::process::{Command, Stdio};
use std::time::Instant;

unsafe extern "C" {
    fn mmap(at: *mut u8, length: usize, protection: i32, flags: i32, file: i32, offset: i64) -> *mut u8;
    fn munmap(at: *mut u8, length: usize) -> i32;
}

const PROT_READ: i32 = 1;
const MAP_SHARED_POPULATE: i32 = 0x1 | 0x8000;
/// What has been measured to be the best window here, or no worse than others.
const WINDOW: u64 = 8 << 20;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [processes, file] => println!("{}", time(processes.parse().expect("a number"), file)),
        ["child", file, from, to] => read(file, from.parse().unwrap(), to.parse().unwrap()),
        _ => panic!("usage: read_floor PROCESSES FILE"),
    }
}

fn time(processes: u64, file: &str) -> f64 {
    let length = std::fs::metadata(file).expect("the file").len();
    let edge = |index: u64| if index == processes { length } else { length / processes * index / WINDOW * WINDOW };
    let mut children: Vec<_> = (0..processes)
        .map(|index| {
            let shares = [edge(index), edge(index + 1)].map(|edge| edge.to_string());
            let mut child = Command::new(std::env::current_exe().unwrap())
                .args(["child", file])
                .args(shares)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .expect("a child");
            // It is there.
            child.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
            child
        })
        .collect();
    let start = Instant::now();
    children.iter_mut().for_each(|child| drop(child.stdin.take()));
    children.iter_mut().for_each(|child| child.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap());
    let seconds = start.elapsed().as_secs_f64();
    children.iter_mut().for_each(|child| assert!(child.wait().unwrap().success()));
    seconds
}

fn read(file: &str, from: u64, to: u64) {
    let file = File::open(file).expect("the file");
    let mut out = std::io::stdout();
    let mut say = || out.write_all(b"x").and_then(|()| out.flush()).unwrap();
    say();
    let _ = std::io::stdin().read(&mut [0]);
    for from in (from..to).step_by(WINDOW as usize) {
        let length = WINDOW.min(to - from) as usize;
        // SAFETY: a fresh read-only map of bytes that are there, dropped after its last use.
        unsafe {
            let at = mmap(std::ptr::null_mut(), length, PROT_READ, MAP_SHARED_POPULATE, file.as_raw_fd(), from as i64);
            assert!(at.addr() % 4096 == 0, "not mapped");
            black_box(fold(std::slice::from_raw_parts(at.cast::<u64>(), length / 8)));
            munmap(at, length);
        }
    }
    say();
}

fn fold(numbers: &[u64]) -> u64 {
    let mut lanes = [0; 16];
    for group in numbers.as_chunks::<16>().0 {
        for (lane, number) in lanes.iter_mut().zip(group) {
            *lane ^= number;
        }
    }
    lanes.iter().fold(0, |all, lane| all ^ lane)
}
