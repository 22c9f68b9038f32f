/* `check-host explain`: what the check makes of flow-log files on this machine, and why. */
#ifndef VFL_EXPLAIN_EXPLAIN_H
#define VFL_EXPLAIN_EXPLAIN_H

/* argv[0] is "explain". Writes to standard output and error; returns the exit status: 0; 1 when a
 * file could not be read or is no flow log; 2 for wrong usage or an interfaces file that is none.
 */
int vfl_explain_main(int argc, char **argv);

#endif
