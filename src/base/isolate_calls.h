/* The system calls that an isolated child is left with. Private to isolate.c. */
#ifndef BF_BASE_ISOLATE_CALLS_H
#define BF_BASE_ISOLATE_CALLS_H

/* From here on this process can compute, take and give back memory, write to `output`, and end; every other call fails
 * with EPERM. For good. Without effect where the kernel or the processor has no such filter: the limits hold there all
 * the same. */
void bf_isolate_close_calls(int output);

#endif
