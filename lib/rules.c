#include "lib/rules.h"
