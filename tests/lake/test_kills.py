"""Work that is killed at random and at each rename: nothing wrong, nothing lost, nothing left (`make kills`)."""

import subprocess
import sys

import pytest

from tests.conftest import ROOT


@pytest.mark.slow
def test_killed_work_leaves_the_old_state_or_the_new() -> None:
    # forks: no threads, so no pytest
    command = [sys.executable, "-m", "tests.kills", "--kills", "8", "--only", "labels"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
