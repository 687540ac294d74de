/*
 * One measurement in a directory: prints a rate, operations or MiB per second, and the seconds of processor time that this program took.
 * Usage: measure DIRECTORY WHAT COUNT
 * Callers must give it a directory of its own, and compare only what ran on the same machine in the same minute.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { PAGE = 4096, PIECE = 1 << 20 };

static char *piece;

static double now(clockid_t clock) {
  struct timespec time;
  clock_gettime(clock, &time);
  return time.tv_sec + time.tv_nsec / 1e9;
}

static double began, began_cpu, cpu;

static void begin(void) {
  began = now(CLOCK_MONOTONIC);
  began_cpu = now(CLOCK_PROCESS_CPUTIME_ID);
}

static double rate_of(int count) {
  cpu = now(CLOCK_PROCESS_CPUTIME_ID) - began_cpu;
  return count / (now(CLOCK_MONOTONIC) - began);
}

static void require(int good, const char *what) {
  if (good) return;
  fprintf(stderr, "%s: %s\n", what, strerror(errno));
  exit(1);
}

static int opened(const char *name, int flags) {
  int file = open(name, flags, 0644);
  require(file >= 0, name);
  return file;
}

/* The file of `count` MiB that the data measurements use, made by the first of them. Returns its name. */
static const char *filled(int count) {
  static char name[32];
  struct stat status;
  snprintf(name, sizeof name, "data%d", count);
  if (stat(name, &status) == 0 && status.st_size == (off_t)count * PIECE) return name;
  int file = opened(name, O_CREAT | O_WRONLY | O_TRUNC);
  for (int at = 0; at < count; at++) require(write(file, piece, PIECE) == PIECE, "write");
  fsync(file);
  close(file);
  return name;
}

/* Forgets what the mount's own page cache holds; what lies below it may keep its own. */
static int uncached(const char *name, int flags) {
  int file = opened(name, flags);
  posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
  return file;
}

static double stats(int count) {
  struct statx result;
  close(opened("one", O_CREAT | O_WRONLY));
  begin();
  for (int at = 0; at < count; at++) {
    require(syscall(SYS_statx, AT_FDCWD, "one", AT_STATX_FORCE_SYNC, STATX_BASIC_STATS, &result) == 0, "statx");
  }
  return rate_of(count);
}

static double creates(int count) {
  char name[64];
  begin();
  for (int at = 0; at < count; at++) {
    snprintf(name, sizeof name, "file%d", at);
    int file = opened(name, O_CREAT | O_EXCL | O_WRONLY);
    require(write(file, piece, 1000) == 1000, "write");
    close(file);
  }
  double rate = rate_of(count);
  for (int at = 0; at < count; at++) {
    snprintf(name, sizeof name, "file%d", at);
    unlink(name);
  }
  return rate;
}

static double writes(int count) {
  unlink("written");
  int file = opened("written", O_CREAT | O_WRONLY);
  begin();
  for (int at = 0; at < count; at++) require(write(file, piece, PIECE) == PIECE, "write");
  double rate = rate_of(count);
  close(file);
  return rate;
}

static double reads(int count) {
  int file = uncached(filled(count), O_RDONLY);
  begin();
  for (int at = 0; at < count; at++) require(read(file, piece, PIECE) == PIECE, "read");
  double rate = rate_of(count);
  close(file);
  return rate;
}

static double scattered(int count, int writing) {
  const int pages = 32 * (PIECE / PAGE);
  int file = uncached(filled(32), O_RDWR);
  posix_fadvise(file, 0, 0, POSIX_FADV_RANDOM);
  srandom(7);
  begin();
  for (int at = 0; at < count; at++) {
    off_t offset = (off_t)(random() % pages) * PAGE;
    if (writing) require(pwrite(file, piece, PAGE, offset) == PAGE, "pwrite");
    else require(pread(file, piece, PAGE, offset) == PAGE, "pread");
  }
  double rate = rate_of(count);
  close(file);
  return rate;
}

static double copies(int count) {
  const char *name = filled(count);
  unlink("copy");
  begin();
  int from = opened(name, O_RDONLY);
  int to = opened("copy", O_CREAT | O_WRONLY);
  for (off_t left = (off_t)count * PIECE; left > 0;) {
    ssize_t done = copy_file_range(from, NULL, to, NULL, left, 0);
    require(done > 0, "copy_file_range");
    left -= done;
  }
  close(to);
  close(from);
  return rate_of(count);
}

int main(int argc, char **argv) {
  require(argc == 4 && chdir(argv[1]) == 0, "usage: measure DIRECTORY WHAT COUNT");
  int count = atoi(argv[3]);
  piece = malloc(PIECE);
  for (int at = 0; at < PIECE; at += 4) *(unsigned *)(piece + at) = at * 2654435761u;
  const char *what = argv[2];
  double rate = -1;
  if (strcmp(what, "stat") == 0) rate = stats(count);
  else if (strcmp(what, "create") == 0) rate = creates(count);
  else if (strcmp(what, "write") == 0) rate = writes(count);
  else if (strcmp(what, "read") == 0) rate = reads(count);
  else if (strcmp(what, "random-read") == 0) rate = scattered(count, 0);
  else if (strcmp(what, "random-write") == 0) rate = scattered(count, 1);
  else if (strcmp(what, "copy") == 0) rate = copies(count);
  require(rate >= 0, "no such measurement");
  printf("%.1f %.6f\n", rate, cpu);
  return 0;
}
