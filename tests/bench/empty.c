/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * empty.c - a program that does nothing: what starting one costs
 */
int main(void)
{
	return 0;
}
