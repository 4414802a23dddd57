// bench-compute [ROUNDS]: arithmetic alone: integer multiplies, divides and shifts, and double precision sums, in
// registers. The default is about two seconds on a machine of 2020.
#include "guest.h"

int main(int count, char** arguments) {
    long rounds = count > 1 ? atol(arguments[1]) : 200000000;
    CHECK(rounds > 0);
    uint64_t integer = 88172645463325252u, sum = 0;
    double real = 0.5, total = 0;
    for (long i = 1; i <= rounds; ++i) {
        integer ^= integer << 13;
        integer ^= integer >> 7;
        integer ^= integer << 17;
        sum += integer * 2862933555777941757u;
        real = 3.75 * real * (1.0 - real);
        total += real;
        if ((i & 15) == 0) sum ^= integer / (uint64_t)i;
    }
    say("%ld rounds, integer %016llx, real %.6f", rounds, (unsigned long long)sum, total / (double)rounds);
    CHECK(real > 0 && real < 1);
    return 0;
}
