"""`python -m probes_cli`: the same as `probe`."""

from probes_cli.main import main

if __name__ == "__main__":
    main(prog_name="probe")
