//! The `jit` program.

fn main() -> std::process::ExitCode {
    jit::run()
}
