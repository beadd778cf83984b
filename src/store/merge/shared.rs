//! What belongs to no issue: the format, gate definitions, settings.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::event::{Body, GateRef, Overridden, SettingChange};
use crate::domain::gate::Gate;
use crate::domain::id::IssueId;
use crate::domain::issue::{Extra, Issue};
use crate::domain::merge::{Fields, Stamp, Touched};
use crate::domain::name::GateKey;
use crate::domain::settings::Settings;
use crate::domain::snapshot::Snapshot;
use crate::domain::time::Timestamp;
use crate::store::codec::encode;
use crate::store::layout::{CONFIG_FILE, Format, GATES, gate_path};
use crate::store::snapshot::TreeSnapshot;
use crate::store::{Backend, FileChange, StoreResult, Tree};

use super::{Issues, Work, actor};

impl<B: Backend> Work<'_, B> {
    /// The deeper folders, and the stricter demands, of the two sides.
    pub(super) fn format(&self) -> Format {
        let (p, q) = (self.p.format(), self.q.format());
        let mut extra: Extra = q.extra.clone();
        extra.extend(p.extra.clone());
        Format {
            format: p.format.max(q.format),
            min_reader: p.min_reader.max(q.min_reader),
            min_writer: p.min_writer.max(q.min_writer),
            fanout: p.fanout.max(q.fanout),
            extra,
        }
    }

    /// For gates and settings. Reads events only when there may be something to decide.
    pub(super) fn fields(&self) -> StoreResult<Fields> {
        let same = |path: &str| -> StoreResult<bool> {
            let id = |state: &TreeSnapshot<B::Tree>| state.tree().entry(path).map(|entry| entry.map(|entry| entry.id));
            let (p, q) = (id(&self.p)?, id(&self.q)?);
            let base = self.base.as_ref().map(id).transpose()?.flatten();
            Ok(p == q || (self.base.is_some() && (p == base || q == base)))
        };
        let nobody = || Stamp { at: Timestamp::from_millis(0), event: None, by: actor() };
        if same(CONFIG_FILE)? && same(GATES)? {
            return Ok(Fields::new(Touched::default(), Touched::default(), nobody(), nobody()));
        }
        let [p, q] = self.news()?;
        let mut fields = Fields::new(p.shared.clone(), q.shared.clone(), nobody(), nobody());
        fields.removals_by_time = true;
        Ok(fields)
    }

    pub(super) fn gates(
        &self,
        issues: &Issues,
        mut fields: Fields,
        files: &mut Vec<FileChange>,
        bodies: &mut Vec<(Option<IssueId>, Body)>,
    ) -> StoreResult<Fields> {
        let read = |state: &TreeSnapshot<B::Tree>| -> StoreResult<BTreeMap<GateKey, Gate>> {
            let keys = state.gate_keys()?.into_iter();
            let gates = keys.filter_map(|key| state.gate(&key).transpose().map(|gate| gate.map(|gate| (key, gate))));
            Ok(gates.collect::<Result<_, _>>()?)
        };
        let (p, q) = (read(&self.p)?, read(&self.q)?);
        let base = self.base.as_ref().map(read).transpose()?.unwrap_or_default();
        let mut merged = fields.map("gate.", &base, &p, &q, |_, _| None);
        for (key, gate) in base.iter().filter(|(key, _)| !p.contains_key(*key) || !q.contains_key(*key)) {
            let kept = p.get(key).or(q.get(key)).unwrap_or(gate);
            if !merged.contains_key(key) && self.is_in_use(issues, key)? {
                let field = format!("gate.{key}");
                let (x, y) = fields.stamps(&field);
                let gone = x.max(y);
                fields.notes.push(Body::MergeOverridden(Overridden {
                    field,
                    kept: serde_json::to_value(kept).expect("gates have only text keys"),
                    lost: serde_json::Value::Null,
                    kept_from: gone.into(),
                    lost_from: gone.into(),
                }));
                merged.insert(key.clone(), kept.clone());
            }
        }
        for key in p.keys().chain(merged.keys()).collect::<BTreeSet<_>>() {
            let body = match merged.get(key) {
                now if now == p.get(key) => continue,
                Some(gate) => Body::GateDefined(gate.clone()),
                None => Body::GateUndefined(GateRef::new(key)),
            };
            files.push(FileChange { path: gate_path(key), content: merged.get(key).map(encode) });
            bodies.push((None, body));
        }
        Ok(fields)
    }

    /// Whether an unfinished issue that either side changed carries the gate.
    fn is_in_use(&self, issues: &Issues, key: &GateKey) -> StoreResult<bool> {
        for id in &issues.touched {
            let issue = match issues.changed.get(id) {
                Some((_, merged)) => Some(merged.clone()),
                None => self.p.issue(*id)?,
            };
            let carries = |issue: Issue| issue.gates.contains_key(key) && !issue.state.is_finished();
            if issue.filter(|issue| issue.deleted.is_none()).is_some_and(carries) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    pub(super) fn settings(
        &self,
        mut fields: Fields,
        files: &mut Vec<FileChange>,
        bodies: &mut Vec<(Option<IssueId>, Body)>,
    ) -> StoreResult<Fields> {
        let (p, q) = (self.p.settings()?, self.q.settings()?);
        let base = self.base.as_ref().map(Snapshot::settings).transpose()?.unwrap_or_default();
        let map = |settings: &Settings| -> BTreeMap<String, serde_json::Value> {
            settings.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
        };
        let merged = fields.map("config.", &map(&base), &map(&p), &map(&q), |_, _| None);
        let mut settings = p.clone();
        for key in map(&p).keys().chain(merged.keys()).collect::<BTreeSet<_>>() {
            let value = merged.get(key).cloned();
            if value.as_ref() != p.get(key) {
                settings.set(key, value.clone());
                bodies.push((None, Body::ConfigChanged(SettingChange { key: key.clone(), value })));
            }
        }
        if settings != p {
            files.push(FileChange::put(CONFIG_FILE, encode(&settings)));
        }
        Ok(fields)
    }
}
