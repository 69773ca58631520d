#include "lib/clock.h"
