// Makes an addon that is compiled here load with the oldest libraries that Node itself runs with (glibc 2.28, libstdc++
// of GCC 8): what newer ones offer under a newer version is taken under the older one that all have. Included by
// scripts/pack-platform.mjs before each source of a prebuilt addon, and in no other build.
#pragma once

#if defined(__x86_64__)
#define OLDEST_GLIBC "GLIBC_2.2.5"
#elif defined(__aarch64__)
#define OLDEST_GLIBC "GLIBC_2.17"
#else
#error "older-libraries.h: which glibc was the first on this architecture?"
#endif

// Since 2.29 they do not set errno, which nobody here reads.
__asm__(".symver exp, exp@" OLDEST_GLIBC);
__asm__(".symver log, log@" OLDEST_GLIBC);
// Since GCC 12 it does not cancel threads, which nobody here does.
#define CONDITION_WAIT "_ZNSt18condition_variable4waitERSt11unique_lockISt5mutexE"
__asm__(".symver " CONDITION_WAIT ", " CONDITION_WAIT "@GLIBCXX_3.4.11");
// New in 2.32: shared_ptr counts without atomics while a process has one thread. Ours never does.
extern "C" {
__attribute__((visibility("hidden"), weak)) char __libc_single_threaded = 0;
}
