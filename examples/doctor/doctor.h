/* `check-host doctor`: asks AWS what the check will need, before the first object is deleted. */
#ifndef VFL_DOCTOR_DOCTOR_H
#define VFL_DOCTOR_DOCTOR_H

/* argv[0] is "doctor". Writes to standard output and error; returns the exit status: 0 when nothing
 * is missing or wrong, 1 when something is, 2 for wrong usage or a file that is no conf.yaml. */
int vfl_doctor_main(int argc, char **argv);

#endif
