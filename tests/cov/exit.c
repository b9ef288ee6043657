/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * exit.c - what a program built with SAN=cov has executed is also counted when it ends
 * by _exit()
 *
 * GCC's libgcov writes its counters at exit(), and before fork() and the functions of exec.
 * A forked child of ours ends by _exit(), which the linker redirects to here ("--wrap").
 * The counters start anew afterwards: a child of vfork() shares them with its parent, who
 * goes on to count.  execve(), which such a child calls, is kept from libgcov for the same
 * reason, by -fno-builtin-execve.
 */
void __gcov_dump(void);
void __gcov_reset(void);
_Noreturn void __real__exit(int status);
_Noreturn void __wrap__exit(int status);

_Noreturn void __wrap__exit(int status)
{
	__gcov_dump();
	__gcov_reset();
	__real__exit(status);
}
