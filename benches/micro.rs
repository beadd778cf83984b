//! Parts of the program by themselves, on a tracker of 10,000 issues: the transaction, the comparison of
//! trees, the index.
//!
//! `cargo bench --bench micro`; with `-- --test` each part runs once, to see that it does.
#![allow(missing_docs, clippy::disallowed_methods, clippy::disallowed_macros, reason = "a program beside the product")]

mod tracker;

use std::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use jit::domain::snapshot::Snapshot;
use jit::store::git::GitStore;
use jit::store::index::{Home, Thrift};
use jit::store::layout::ISSUES;
use jit::store::transact::open;
use jit::store::{Backend, CommitId, Tree};
use tracker::{Tracker, change};

fn size() -> usize {
    if std::env::args().any(|arg| arg == "--test") { 500 } else { 10_000 }
}

fn tip(store: &GitStore) -> CommitId {
    store.tip().expect("the ref can be read").expect("there is a tracker")
}

fn benches(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let tracker = Tracker::make(folder.path(), size());
    let store = || GitStore::open(&tracker.dir, None).expect("the repository opens");

    criterion.bench_function("open the repository", |bench| bench.iter(|| black_box(store())));
    criterion.bench_function("a change, opening and mirror left out", |bench| {
        let mut n = 0;
        bench.iter_batched(
            store,
            |store| {
                n += 1;
                change(&store, tracker.ids[n * 31 % tracker.ids.len()], &n.to_string());
            },
            BatchSize::PerIteration,
        );
    });
    criterion.bench_function("look up an issue", |bench| {
        let store = store();
        bench.iter(|| {
            let state = open(&store, &tip(&store)).expect("the tip opens");
            black_box(state.issue(tracker.ids[tracker.ids.len() / 2]).expect("it can be read"))
        });
    });

    // Objects are remembered by a store, so each measurement has a fresh one.
    let before = tip(&store());
    tracker.change(100);
    let after = tip(&store());
    criterion.bench_function("compare trees 100 changes apart", |bench| {
        bench.iter_batched(
            store,
            |store| {
                let (old, new) = (store.tree(&before).expect("a tree"), store.tree(&after).expect("a tree"));
                black_box(old.diff(&new, ISSUES).expect("trees can be read").len())
            },
            BatchSize::PerIteration,
        );
    });

    let home = |keep| Home { dir: tracker.dir.join(".git/jit"), keep };
    let table = |store: &GitStore, commit: &CommitId, keep| {
        let state = open(store, commit).expect("the commit opens").with_index(home(keep));
        state.table().expect("the tracker can be read").rows().count()
    };
    criterion.bench_function("every issue without an index", |bench| {
        bench.iter_batched(
            store,
            |store| black_box(open(&store, &after).expect("the tip opens").read_table().rows().count()),
            BatchSize::PerIteration,
        );
    });
    table(&store(), &before, Some(Thrift { worth_keeping: 0, few: 0 }));
    criterion.bench_function("the index, up to date", |bench| {
        bench.iter_batched(store, |store| black_box(table(&store, &before, None)), BatchSize::PerIteration);
    });
    criterion.bench_function("the index, 100 changes behind", |bench| {
        bench.iter_batched(store, |store| black_box(table(&store, &after, None)), BatchSize::PerIteration);
    });
}

criterion_group!(micro, benches);
criterion_main!(micro);
