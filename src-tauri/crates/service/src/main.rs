//! `cairn-service`: serves laptops and manages people and tenants (SPEC "The command line").

/// Texts and small lists come and go by the million in a push: an allocator that keeps what it had from the
/// system spares a tenth of the time. On a laptop memory counts for more.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    cairn_service::cli::main()
}
