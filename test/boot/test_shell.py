# SPDX-License-Identifier: MIT
"""The shell and the terminal, as somebody at the keyboard meets them."""

import pytest

from guest import ROOT

CTRL_C, CTRL_D, CTRL_P, CTRL_U, CTRL_Z, BACKSPACE, UP, DOWN = (
    "\x03", "\x04", "\x10", "\x15", "\x1a", "\x7f", "\x1b[A", "\x1b[B")


# line typed -> what it prints
LINES = [
    ("echo hello world", "hello world"),
    ("echo   many    blanks", "many blanks"),
    ("echo 'single  quoted $x *'", "single  quoted $x *"),
    ('echo "double  quoted *"', "double  quoted *"),
    ("echo a'b'\"c\"d", "abcd"),
    ("echo one; echo two", "one\ntwo"),
    ("echo x # a comment", "x"),
    ("echo a#b", "a#b"),
    ("true && echo yes || echo no", "yes"),
    ("false && echo yes || echo no", "no"),
    ("false || false || echo third", "third"),
    ("(echo a; echo b) | wc", "2 2 4"),
    ("echo abc | cat | cat | cat", "abc"),
    ("echo b > f; echo a >> f; sort f", "a\nb"),
    ("echo x > f; cat < f", "x"),
    ("cat < f | wc -l 2> e; cat f", "*"),
    ("cat nosuch 2> e; wc -l < e", "*"),
    ("true; echo $?", "0"),
    ("false; echo $?", "1"),
    ("nosuchprogram 2> e; echo $?", "127"),
    ("nosuchprogram", "nosuchprogram: not found"),
    ("(exit 7); echo $?", "7"),
    ("mkdir d; cd d; echo here > f; cd ..; cat d/f", "here"),
    ("cd /nosuch 2> e; echo $?", "1"),
    ("echo 1 > a1; echo 2 > a2; echo a*", "a1 a2"),
    ("echo zz*", "zz*"),
    ("echo 'a*'", "a*"),
    ("echo 1 > x1; echo 2 > x2; cat x*", "1\n2"),
    ("echo 'echo from a script' > s; sh s", "from a script"),
    ("echo 'exit 3' > s; sh s; echo $?", "3"),
    ("cat nosuch 2> e | echo went on", "went on"),
    ("echo a > /nosuch/b; echo after", "*after"),
    ("echo \"$(echo \"a $(echo \"b  )\")\")\" c", "a b  ) c"),
    ("echo out; echo err >&2 2> e; cat e", "*"),
    ("seq 9 | (head -n 2; tail -n 1)", "1\n2\n9"),
    ("(exec echo in place; echo not)", "in place"),
    ("echo 'exec >out; echo one; exec echo two' > s; sh s; cat out", "one\ntwo"),
    ("sh -c 'exec nosuchprogram; echo on' 2> e; echo $?", "127"),
    ("(exec < nosuch; echo $?) 2> e", "1"),
    ("seq 9 > f; (head -n 2; head -n 1) < f", "1\n2\n3"),
    ("echo $((1+2*3)) $(( (1+2)*3 )) $((-7%3)) $((1<<4|1)) $((3>2 && 2==3))", "7 9 -1 17 0"),
    ("x=5; echo $((x+1)) $(($x*x)) a$((nosuch-x))b \"$((1 || 1/0))\"", "6 25 a-5b 1"),
    ("x=$((1/0)); echo $?", "sh: 1/0: division by 0\n2"),
    ("echo a $((1 2))", "sh: 1 2: an operator is missing\na"),
    ("i=0; while [ $i -lt 3 ]; do i=$((i+1)); done; echo $i", "3"),
    ("echo `echo one` \"`echo \"a  b\"`\" `echo \\`echo deep\\`` '`no`'", "one a  b deep `no`"),
    ("echo $(echo `echo x` \")\")", "x )"),
    ("sleep 99 & kill %1; wait; jobs; kill %7 2> e; echo $?", "1"),
    ("echo 'sleep 99 & kill -9 %1; wait; echo killed' > s; sh s", "killed"),
    ("ls -l /proc/self/fd | grep -c '3 -> /proc/[0-9]*/fd$'", "1"),
]


@pytest.mark.parametrize("line,expected", LINES, ids=[line for line, _ in LINES])
def test_line(shell, line, expected):
    out = shell.run(line)
    if expected.startswith("*"):
        assert out.endswith(expected[1:])
    elif " | wc" in line:
        assert out.split() == expected.split()
    else:
        assert out == expected


def test_background_job(shell):
    shell.check("(sleep 1; echo done > f) &")
    shell.check("echo at once")
    shell.check("sleep 2")
    assert shell.run("cat f") == "done"


def test_many_background_jobs_leave_no_zombies(shell):
    for _ in range(20):
        shell.run("true &")
    shell.check("sleep 1")
    shell.run("true")
    assert "<defunct>" not in shell.run("ps") and " Z " not in shell.run("ps")


def test_syntax_errors_keep_the_shell(shell):
    for line in ("(", "|", "echo a |", "echo 'open", "; ;", "echo >", "&& x", ")"):
        shell.start(line)
        _, prompt = shell.expect(r"[$>] $")
        if prompt[0] == "> ":       # it waits for the rest
            shell.send(CTRL_C)
            shell.wait_prompt()
    assert shell.run("echo alive") == "alive"


def test_lines_go_on_behind_a_backslash(shell):
    shell.send("echo one\\\n")
    shell.expect("> $")
    shell.send("two \\\n")
    shell.expect("> $")
    assert shell.run("three") == "onetwo three"
    shell.check("echo 'echo a \\' > s; echo 'b # no more \\' >> s; echo 'echo c' >> s")
    assert shell.run("sh s") == "a b\nc"


def test_long_command_line(shell):
    words = " ".join(f"word{i}" for i in range(100))
    assert shell.run(f"echo {words}") == words


def test_many_arguments(shell):
    shell.check("mkdir many")
    shell.check("cd many")
    for i in range(30):
        shell.run(f"echo > file-with-a-long-name-{i:03}")
    assert shell.run("echo * | wc -w").strip() == "30"
    shell.check("cd ..")


def test_ctrl_c_ends_the_program_not_the_shell(shell):
    shell.start("sleep 100")
    shell.press(CTRL_C)
    assert shell.run("echo $?") == "130"


def test_ctrl_c_ends_a_busy_program(shell):
    shell.start("spin")
    shell.press(CTRL_C)


def test_ctrl_c_ends_a_whole_pipeline(shell):
    shell.start("spin | cat | sleep 100")
    shell.press(CTRL_C)
    assert "spin" not in shell.run("ps")


def test_lines_of_two_programs_do_not_mix(shell):
    """What one write() gives, longer than any buffer on the way, comes out whole."""
    for c in "ab":
        shell.check(f"x={c * 100}; x=$x$x$x$x$x; echo $x$x$x$x$x$x$x$x > 1{c}")
        shell.check(f"cat {f'1{c} ' * 20} > 20{c}")
    lines = shell.run("dd if=20a bs=4001 2> /dev/null & dd if=20b bs=4001 2> /dev/null; wait",
                      60).split()
    assert sorted(lines) == ["a" * 4000] * 20 + ["b" * 4000] * 20


def test_pieces_of_a_writev_come_out_together(boot, image, linux_program):
    linux_program("pieces", (ROOT / "test/boot/linux/pieces.c").read_text(), "-static")
    lines = boot(image=image).run("/pieces a b c", 60).split()
    assert sorted(lines) == ["a" * 1999] * 20 + ["b" * 1999] * 20 + ["c" * 1999] * 20


def test_ctrl_c_drops_the_line(shell):
    shell.send("echo never" + CTRL_C)
    shell.wait_prompt(5)
    assert shell.run("echo next") == "next"


def test_ctrl_d_ends_input(shell):
    shell.start("cat > f")
    shell.send("typed\n" + CTRL_D)
    shell.wait_prompt(5)
    assert shell.run("cat f") == "typed"


def test_ctrl_d_at_the_prompt_gives_a_new_shell(boot):
    g = boot()
    g.send(CTRL_D)
    g.expect("init: starting sh", 10)
    g.wait_prompt(10)
    assert g.run("echo again") == "again"


def test_erasing(shell):
    shell.send("echo wrong" + BACKSPACE * 5 + "right\n")
    shell.expect(r"\r\n")
    assert "right" in shell.wait_prompt()
    shell.send("echo all wrong" + CTRL_U + "echo fine\n")
    shell.expect(r"\r\n")
    assert shell.wait_prompt().strip() == "fine"


def test_erasing_in_a_program(shell):
    shell.start("cat > f")
    shell.send("abX" + BACKSPACE + "c\nrubbish" + CTRL_U + "second\n" + CTRL_D)
    shell.wait_prompt(5)
    assert shell.run("cat f") == "abc\nsecond"


def test_history(shell):
    shell.run("echo first")
    shell.run("echo second")
    shell.send(UP + UP + "\n")
    shell.expect(r"\r\n")
    assert shell.wait_prompt().strip() == "first"
    shell.send(UP + UP + UP + DOWN + " more\n")  # first, second, first; back to second
    shell.expect(r"\r\n")
    assert shell.wait_prompt().strip() == "second more"


def test_process_dump(shell):
    """^P while a program reads (at the prompt it is the line before)."""
    shell.start("cat")
    shell.press(CTRL_P, r"\binit\b(?s:.*)\bcat\b")
    shell.send(CTRL_D)
    shell.wait_prompt()


@pytest.mark.parametrize("program", [
    "ls", "cat", "grep", "wc", "mkdir", "rm", "ln", "mv", "cp", "kill", "ps", "sleep", "head",
    "tail", "sort", "tee", "touch", "chmod", "stat", "df", "du", "dd", "sync", "date", "uname",
    "hexdump", "free", "poweroff", "time", "sysctl", "pmap", "vmstat", "top"])
def test_usage(shell, program):
    """A bad option: a usage line on stderr, status 1."""
    assert shell.status(f"{program} --bad-option > out 2> err") == 1
    assert shell.run("cat out") == ""
    assert shell.run("cat err").lower().startswith("usage: " + program)


# A line, and all it prints on a system that is up to it.
UTILITIES = [
    ("echo b > f; echo a >> f; echo c >> f; sort f | head -n 2", "a\nb"),
    ("echo a > f; echo b >> f; echo c >> f; tail -n 1 f", "c"),
    ("echo hello > f; grep ell f", "hello"),
    ("echo hello > f; grep xyz f; echo $?", "1"),
    ("seq 8 12 | grep -e '^9' -e 2", "9\n12"),
    ("seq 8 12 | grep '[0-1][^02-9]'", "11"),
    ("seq 8 12 | grep '^1$\\|2$\\|^9'", "9\n12"),
    ("seq 8 12 | grep -v '1\\|2'; echo 'a|b' | grep 'a|b'", "8\n9\na|b"),
    ("seq 8 12 | grep -E '^1+$|2$'; seq 8 12 | grep '^1\\+$'", "11\n12\n11"),
    ("echo color > f; grep -cE '^colou?r$' f; grep -c 'o\\?x\\?r' f; grep -c 'x\\+' f", "1\n1\n0"),
    ("echo 'a+b(' | grep -cE 'a\\+b\\('; echo 'a+?b' | grep -c '+?'", "1\n1"),
    ("echo ab | grep -E '(ab)' 2>&1; echo $?",
     "grep: there are no groups and no counts: a ( is written \\(\n2"),
    ("echo 'a]-' | grep -c '[]x-z]-[-z]*$'", "1"),
    ("echo B | grep -i '[a-c]'; echo a | grep '[^a]'; echo $?", "B\n1"),
    ("grep '[a' f 2> e; echo $?; cat e", "2\ngrep: a [ without its ]"),
    ("echo x > f; cp f g; cat g", "x"),
    ("echo x > f; mv f g; cat g; ls", "*"),
    ("echo x > f; ln f g; rm f; cat g", "x"),
    ("rm nosuch 2> e; echo $?", "1"),
    ("mkdir a; mkdir a 2> e; echo $?", "1"),
    ("echo x | tee f; cat f", "x\nx"),
    ("touch f; wc -c f", "0 f"),
    ("dd if=/dev/zero of=f bs=1000 count=3 2> e; wc -c f", "3000 f"),
    ("uname", "Linux"),
]


@pytest.mark.parametrize("line,expected", UTILITIES, ids=[line for line, _ in UTILITIES])
def test_utility(shell, line, expected):
    out = shell.run(line)
    if expected != "*":
        assert out.strip() == expected


def test_wc_prints_as_xv6_does(shell):
    shell.check("echo one two > f")
    assert shell.run("wc f") == "1 2 8 f"


def test_kill(shell):
    shell.run("sleep 1000 &")
    pid = next(line.split()[0] for line in shell.run("ps").splitlines()
               if line.rstrip().endswith("sleep 1000") or line.split()[-1] == "sleep")
    shell.check(f"kill {pid}")
    shell.run("true")
    assert pid not in [line.split()[0] for line in shell.run("ps").splitlines() if line.split()]
    assert shell.status("kill 99999") == 1


def test_number_of_the_shell(shell):
    """$$ is the shell's, also in the processes it makes."""
    assert shell.run("echo $$") == shell.run("(echo $$)") == shell.run("echo $$ | cat")


def stop(g, line):
    """Start a line and stop it by ^Z. => what is shown"""
    g.start(line)
    return g.press(CTRL_Z)


def test_jobs_stop_and_go_on(shell):
    assert "[1] Stopped\tsleep 100" in stop(shell, "sleep 100")
    assert shell.run("echo $?") == "148"
    assert "[2] Stopped\tcat | wc" in stop(shell, "cat | wc")
    assert shell.run("jobs") == "[1] Stopped\tsleep 100\n[2] Stopped\tcat | wc"
    assert shell.run("bg %1") == "sleep 100 &"
    assert shell.run("jobs") == "[1] Running\tsleep 100\n[2] Stopped\tcat | wc"
    shell.start("fg")
    shell.send("two words\n" + CTRL_D)
    assert shell.wait_prompt(5).split()[-3:] == ["1", "2", "10"]
    assert shell.run("jobs") == "[1] Running\tsleep 100"
    shell.start("fg 1")
    shell.press(CTRL_C)
    assert shell.run("jobs") == ""
    assert shell.run("fg") == "fg: %: no such job"
    assert shell.run("bg %7") == "bg: %7: no such job"


def test_a_background_job_that_reads_is_stopped(shell):
    shell.run("cat > got &")
    shell.check("sleep 1")
    assert shell.run("jobs") == "[1] Stopped to read\tcat >got"
    shell.start("fg")
    shell.send("for the job\n" + CTRL_D)
    shell.wait_prompt(5)
    assert shell.run("cat got") == "for the job"


def test_a_stopped_job_ends_with_the_shell(shell):
    shell.run("sh")
    stop(shell, "sleep 500")
    assert "sleep" in shell.run("ps")
    shell.run("exit")
    shell.check("sleep 1")
    assert "sleep" not in shell.run("ps")
