/* The system clock as one program sees it, away from the true one by the seconds in the file that
 * CLOCK_STEP_FILE names: loaded before the C library. Other clocks stay as they are. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *now) {
    long failed = syscall(SYS_clock_gettime, clock, now);
    const char *path = getenv("CLOCK_STEP_FILE");
    if (failed != 0 || clock != CLOCK_REALTIME || path == NULL) return (int)failed;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return 0;
    char text[32] = {0};
    if (read(file, text, sizeof text - 1) > 0) now->tv_sec += strtol(text, NULL, 10);
    close(file);
    return 0;
}
