//! The limits that builds are held against: the work that cannot be left out, and nothing else.
//!
//! ```text
//! bare work [--level N] [--overlap] --kept TAR… -- APK…   inflate and hash every APK, then hash and deflate every TAR
//! bare write FROM TO                          write the bytes of FROM to TO: beside it, synced, renamed
//! ```
//!
//! `work` uses the libraries, the level and the piece size of the program itself, on as many threads as there are
//! cores. It keeps nothing: what it inflates goes through a buffer of the size that stays in a processor's cache, what
//! it deflates is thrown away. Of a package it computes the SHA-256 of the compressed bytes (what `datahash` covers)
//! and the SHA-1 of the inflated ones (what the files' checksums cover), of a layer the SHA-256 of the tar (the diff
//! ID) and that of the compressed bytes (the digest). The second stage waits for the first, as pruning has to know all
//! packages; with `--overlap` it does not, which is out of reach for a program that has to read what it packs.
//!
//! `scripts/bench` calls this beside the builds. It refuses what is not gzip and what cannot be read, and says where.

use std::io::{self, BufRead, Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use apkbuild::digest::{Sha1, Sha256};
use apkbuild::mapping::Mapping;
use apkbuild::unfinished::Unfinished;
use flate2::bufread::MultiGzDecoder;
use libdeflater::{CompressionLvl, Compressor};
use rayon::prelude::*;

/// Bytes of tar in a gzip member, as in `image::compression`.
const PIECE: usize = 1 << 20;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["work", rest @ ..] => Work::parse(rest).map_or_else(usage, Work::run),
        ["write", from, to] => write(Path::new(from), Path::new(to)),
        // `cargo bench` and `cargo test` start every target, and there is nothing to measure without packages.
        _ => usage(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn usage() -> io::Result<()> {
    Err(io::Error::other("usage: bare work [--level N] [--overlap] --kept TAR… -- APK… | bare write FROM TO"))
}

/// What `work` was asked for.
struct Work {
    level: CompressionLvl,
    overlap: bool,
    kept: Vec<PathBuf>,
    packages: Vec<PathBuf>,
}

impl Work {
    fn parse(words: &[&str]) -> Option<Self> {
        let (options, packages) = words.split_at(words.iter().position(|word| *word == "--")?);
        let mut work = Self {
            level: CompressionLvl::new(6).ok()?,
            overlap: false,
            kept: Vec::new(),
            packages: packages.iter().skip(1).map(PathBuf::from).collect(),
        };
        let mut options = options.iter();
        while let Some(option) = options.next() {
            match *option {
                "--level" => work.level = CompressionLvl::new(options.next()?.parse().ok()?).ok()?,
                "--overlap" => work.overlap = true,
                "--kept" => work.kept.extend(options.by_ref().map(PathBuf::from)),
                _ => return None,
            }
        }
        Some(work)
    }

    fn run(mut self) -> io::Result<()> {
        // The largest first, so that no core is left with it at the end.
        self.packages
            .sort_by_cached_key(|path| std::cmp::Reverse(path.metadata().map_or(0, |metadata| metadata.len())));
        let inflate = || self.packages.par_iter().with_max_len(1).try_for_each(|path| inflate(path));
        let deflate = || self.kept.par_iter().try_for_each(|path| deflate(path, self.level));
        if self.overlap {
            let (inflated, deflated) = rayon::join(inflate, deflate);
            inflated.and(deflated)
        } else {
            inflate().and_then(|()| deflate())
        }
    }
}

/// Inflates the members of a package and hashes both sides.
fn inflate(path: &Path) -> io::Result<()> {
    let file = fs_err::File::open(path)?;
    let reader = Hashing { inner: io::BufReader::with_capacity(256 << 10, file), hasher: Sha256::new() };
    let mut decoder = MultiGzDecoder::new(reader);
    let mut inflated = Sha1::default();
    let mut buffer = vec![0; 256 << 10];
    loop {
        let read = decoder.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        inflated.update(buffer.get(..read).unwrap_or_default());
    }
    std::hint::black_box((inflated.finish(), decoder.into_inner().hasher.finish()));
    Ok(())
}

/// Hashes a tar, deflates it in pieces, and hashes what comes out.
fn deflate(path: &Path, level: CompressionLvl) -> io::Result<()> {
    let tar = Mapping::open(path)?;
    let (diff_id, deflated) = rayon::join(
        || tar.whole().sha256(),
        || {
            let members = tar.par_chunks(PIECE).map_init(
                || Compressor::new(level),
                |compressor, piece| {
                    let mut member = vec![0; compressor.gzip_compress_bound(piece.len())];
                    let length = compressor.gzip_compress(piece, &mut member).map_err(io::Error::other)?;
                    member.truncate(length);
                    Ok(member)
                },
            );
            members.collect::<io::Result<Vec<Vec<u8>>>>()
        },
    );
    let mut digest = Sha256::new();
    for member in deflated? {
        digest.update(&member);
    }
    std::hint::black_box((diff_id, digest.finish()));
    Ok(())
}

/// Writes the bytes of one file to another, as an archive is written.
fn write(from: &Path, to: &Path) -> io::Result<()> {
    let bytes = Mapping::open(from)?;
    let mut file = Unfinished::beside(to)?;
    file.write_all(&bytes)?;
    file.finish()
}

/// Hashes what is taken from `inner`.
struct Hashing<R> {
    inner: R,
    hasher: Sha256,
}

impl<R: BufRead> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.hasher.update(buffer.get(..read).unwrap_or_default());
        Ok(read)
    }
}

impl<R: BufRead> BufRead for Hashing<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        // What is consumed was just handed out, so this reads nothing new.
        if let Ok(buffered) = self.inner.fill_buf() {
            self.hasher.update(buffered.get(..amount).unwrap_or(buffered));
        }
        self.inner.consume(amount);
    }
}
