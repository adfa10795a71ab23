//! `cairn-service`: serves laptops and manages people and tenants (SPEC "The command line").

/// Texts and small lists come and go by the million where much is synchronised: half as long with this.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    cairn_service::cli::main()
}
