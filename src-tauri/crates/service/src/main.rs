//! `cairn-service`: serves laptops and manages people and tenants (SPEC "The command line").

fn main() -> std::process::ExitCode {
    cairn_service::cli::main()
}
