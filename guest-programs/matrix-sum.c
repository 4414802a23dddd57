// matrix-sum [rows|columns [SIDE]]: the sum of a matrix of doubles that fills a page with each row, along its rows or
// along its columns: the same work, and with fewer frames than rows a page fault for each row, or for each element.
#include <string.h>
#include <sys/mman.h>

#include "guest.h"

enum { in_row = page_size / sizeof(double) };

int main(int count, char** arguments) {
    int by_columns = count > 1 && strcmp(arguments[1], "columns") == 0;
    long side = count > 2 ? atol(arguments[2]) : 64;
    CHECK(side > 0);
    double* matrix = mmap(NULL, (size_t)side * page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(matrix != MAP_FAILED);
    for (long row = 0; row < side; ++row) matrix[row * in_row] = (double)row;

    double sum = 0;
    for (long outer = 0; outer < (by_columns ? in_row : side); ++outer) {
        for (long inner = 0; inner < (by_columns ? side : in_row); ++inner) {
            sum += by_columns ? matrix[inner * in_row + outer] : matrix[outer * in_row + inner];
        }
    }
    say("%s: %.0f", by_columns ? "columns" : "rows", sum);
    return 0;
}
