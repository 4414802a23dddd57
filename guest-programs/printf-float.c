// printf-float: floating point through the C library: x87 (long double), SSE2, rounding, and every format of printf.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Arguments reach the arithmetic through volatile variables, so that it is done when the program runs.
static volatile double one = 1.0, three = 3.0, ten = 10.0, huge_value = 1e308, tiny = 5e-324;

static double square_root(double x) {
    double root;
    __asm__("sqrtsd %1, %0" : "=x"(root) : "x"(x));
    return root;
}

int main(void) {
    double third = one / three;
    printf("1/3       %%f %f  %%.17g %.17g  %%a %a  %%e %e\n", third, third, third, third);
    printf("sqrt(10)  %.17g\n", square_root(ten));
    printf("infinity  %f %f\n", huge_value * ten, -huge_value * ten);
    printf("nan       %s\n", isnan(huge_value * ten - huge_value * ten) ? "is not a number" : "is a number");
    printf("denormal  %g, half of it %g\n", tiny, tiny / 2);
    long double wide = (long double)one / (long double)three;
    printf("x87       %.21Lg, %zu bytes\n", wide, sizeof wide);
    printf("float     %.9g\n", (double)(float)third);

    double sum = 0;
    for (int i = 1; i <= 100000; ++i) sum += one / i;
    printf("harmonic  %.15f\n", sum);
    printf("rounded   %.0f %.0f %.0f %.0f\n", 0.5 * one, 1.5 * one, 2.5 * one, -0.5 * one);
    printf("integer   %d %d %lld\n", (int)(ten / three), (int)(-ten / three), (long long)(huge_value / 1e290));
    printf("compare   %d %d %d\n", third < one, third == one / three, -0.0 == 0.0 * one);

    char text[64];
    snprintf(text, sizeof text, "%.17g", third);
    double back = strtod(text, NULL);
    printf("text      %s, and back: %s\n", text, back == third ? "the same" : "another value");
    printf("padding   [%10.3f] [%-10.3f] [%+.2e] [%#.0f] [%08.2f]\n", ten, ten, ten, ten, -ten);
    return back == third && strlen(text) == 19 ? 0 : 1;
}
