// bench-sieve [MEBIBYTES [ROUNDS]]: the sieve of Eratosthenes over one byte for each number: stores with ever larger
// strides, so memory and its caches decide.
#include <string.h>
#include <sys/mman.h>

#include "guest.h"

int main(int count, char** arguments) {
    long mebibytes = count > 1 ? atol(arguments[1]) : 48;
    long rounds = count > 2 ? atol(arguments[2]) : 2;
    CHECK(mebibytes > 0 && rounds > 0);
    long size = mebibytes << 20;
    unsigned char* composite = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(composite != MAP_FAILED);

    long primes = 0;
    for (long round = 0; round < rounds; ++round) {
        memset(composite, 0, (size_t)size);
        for (long i = 2; i * i < size; ++i) {
            if (composite[i]) continue;
            for (long multiple = i * i; multiple < size; multiple += i) composite[multiple] = 1;
        }
        primes = 0;
        for (long i = 2; i < size; ++i) primes += !composite[i];
    }
    say("%ld primes below %ld", primes, size);
    if (mebibytes == 1) CHECK(primes == 82025);
    return 0;
}
