/* Double-precision loops: doubles matmul|nbody. Each prints a figure that depends on all of its work. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#define N 640
static double a[N][N], b[N][N], c[N][N];

static double matmul(void) {
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) a[i][j] = (i * 7 + j) % 13, b[i][j] = (i + j * 5) % 11;
    for (int round = 0; round < 8; round++)
        for (int i = 0; i < N; i++)
            for (int k = 0; k < N; k++)
                for (int j = 0; j < N; j++) c[i][j] += a[i][k] * b[k][j];
    double trace = 0;
    for (int i = 0; i < N; i++) trace += c[i][(i * 31) % N];
    return trace;
}

#define BODIES 16
static struct body {
    double x[3], v[3], mass;
} bodies[BODIES];

static double nbody(void) {
    for (int i = 0; i < BODIES; i++) {
        for (int d = 0; d < 3; d++) bodies[i].x[d] = (i * 37 + d * 101) % 17 - 8.0;
        bodies[i].mass = 1.0 / (1 + i);
    }
    for (int step = 0; step < 1000000; step++) {
        for (int i = 0; i < BODIES; i++)
            for (int j = i + 1; j < BODIES; j++) {
                double dx[3], square = 0.01;
                for (int d = 0; d < 3; d++) {
                    dx[d] = bodies[i].x[d] - bodies[j].x[d];
                    square += dx[d] * dx[d];
                }
                double pull = 1e-4 / (square * sqrt(square));
                for (int d = 0; d < 3; d++) {
                    bodies[i].v[d] -= dx[d] * bodies[j].mass * pull;
                    bodies[j].v[d] += dx[d] * bodies[i].mass * pull;
                }
            }
        for (int i = 0; i < BODIES; i++)
            for (int d = 0; d < 3; d++) bodies[i].x[d] += 1e-4 * bodies[i].v[d];
    }
    double energy = 0;
    for (int i = 0; i < BODIES; i++)
        for (int d = 0; d < 3; d++) energy += bodies[i].mass * bodies[i].v[d] * bodies[i].v[d];
    return energy;
}

int main(int argc, char **argv) {
    if (argc != 2) return 2;
    printf("%.17g\n", strcmp(argv[1], "nbody") == 0 ? nbody() : matmul());
    return 0;
}
