//! The integration tests: one binary, one file a subject.
//!
//! They run the real program in real repositories under temporary folders, with a private home and git
//! configuration. A test's name is what it claims.

#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests start programs and read the clock")]

mod bulk;
mod claims;
mod commands;
mod conflicts;
mod coordinator;
mod coordinator_agents;
mod coordinator_bulk;
mod coordinator_care;
mod coordinator_config;
mod coordinator_examples;
mod coordinator_faults;
mod coordinator_fleets;
mod coordinator_plan;
mod crash;
mod damage;
mod example;
mod figures;
mod filters;
mod fleets;
mod formats;
mod gate_commands;
mod gate_rules;
mod gate_runs;
mod gate_trees;
mod gates;
mod graphs;
mod history;
mod hook_managers;
mod hook_messages;
mod hook_pushes;
mod hooks;
mod hostile;
mod housekeeping;
mod hub;
mod index;
mod index_laws;
mod landing;
mod laws;
mod layering;
mod leases;
mod looking;
mod lookup;
mod mirror;
mod ownership;
mod plans;
mod plans_again;
mod plugins;
mod races;
mod remotes;
mod searching;
mod seed;
mod setting_up;
mod simulation;
mod sinks;
mod sinks_served;
mod support;
mod surface;
mod syncing;
mod terminal;
mod tickets;
mod trust;
mod undoing;
mod verify;
mod waiting;
mod worktrees;
