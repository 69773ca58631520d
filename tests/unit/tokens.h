/*
 * Tokens that other libraries made, for check_token.c: signed with keys that exist nowhere else, the
 * private ones thrown away. Where the claims are readable, they are user_id "u1" and username "Ann".
 */
#ifndef VARCADE_TESTS_TOKENS_H
#define VARCADE_TESTS_TOKENS_H

#define TOKENS_SECRET "0123456789abcdef0123456789abcdef"

#define RSA_PEM \
    "-----BEGIN PUBLIC KEY-----\n" \
    "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA6GTQ9DtHRZt/nJSAAFkw\n" \
    "DOxpzgD8VYGnt9KjAwqUseqkiHT9kz9HMOx/GF0B+WfA/F/dP5RBKfg/w4wrPhyl\n" \
    "+UKdzIvXK6ZazrqyoNFmGuep9X5P+WQFVxHeIcw2xEhjaE9tfERS0+9cGYNteEuC\n" \
    "QxauNT1fofZHILpTXa3wFjp7HxK5jaMX6DJZ0hpXc6qy1303YohR2hGLrqTdUXY1\n" \
    "XKw1SFoDEOtDyQ+gjK/37klTAm5EowiYllG2zT54AKE5OT0AQDunH3DcvaDYFLk7\n" \
    "4jZzUVrAOdGqGXE1uk5PSIP5hbM0rNScmVHFBdLQFcsFsgFAKVGIYRWj7HQtm6ny\n" \
    "vwIDAQAB\n" \
    "-----END PUBLIC KEY-----\n"

#define P256_PEM \
    "-----BEGIN PUBLIC KEY-----\n" \
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEfGU7pT1NwpFSZLTktskgA2tUOT/e\n" \
    "53qMHr+1ikw/v/znXlDBJQ2jZAAnwpMdMw4apQmyOns22HVN2bzGpnsZ/g==\n" \
    "-----END PUBLIC KEY-----\n"

#define P384_PEM \
    "-----BEGIN PUBLIC KEY-----\n" \
    "MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEqRt9Kk96glYjCZjtxd96HKn6TZTmI8Wf\n" \
    "9JiXIhHYPywpwzzrF/nE2tDeao0fXM9TrkwvXLudkN8kTsK3zTL+av14ysnoWJW6\n" \
    "tfU/N63jXp/9pb4L/jxQWevNijEc6HJA\n" \
    "-----END PUBLIC KEY-----\n"

#define P521_PEM \
    "-----BEGIN PUBLIC KEY-----\n" \
    "MIGbMBAGByqGSM49AgEGBSuBBAAjA4GGAAQBUTLMU5V0vNTZ8W8onDSn3JHaH/Q8\n" \
    "HgBr8YbP8ohlPiBHG0sSaPy+FGU8BgehFP0BSAdgSRelJ3f6/B03ayKlDFYBgGDL\n" \
    "7PQMOtHmiuT/ki+CNLQx7BMRCQ88x0F07XChVe6nn1tTGcdKkJ7YZ7mVR1KgMYvS\n" \
    "a47FjMO2RL/NyO5p48g=\n" \
    "-----END PUBLIC KEY-----\n"

/* By public key, exp in the year 2100. */
static const struct {
    const char *algorithm;
    const char *pem;
    const char *token;
} tokens_public[] = {
    {"RS256", RSA_PEM,
     "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJ1c2VyX2lkIjoidTEiLCJ1c2VybmFtZSI6IkFubiIsImV"
     "4cCI6NDEwMjQ0NDgwMH0.ElBAcTd9utbk8oTKGsu0B9IU0LRBnbC3I07Dc3E5aaYGCWFapnBEoy0e9C-xeJs"
     "OZdV_M6kX3P1Es07SrGP6MVHolRnE9Hgk14HV-8ppZY5gg18s-N881l2QQtjf-cMIUy-CxMZjUmNYSnHUgWV"
     "j7LQ4y80TORDlvnYHZAojng9hofI1fyFbdph6oZ067DXG1C-LqyfqEp6Dluu-HTnbEOlK2HK9-QVGgBWcBuX"
     "GoTA3XEPh6X0an7HoyLkYcVhGJ49F0fHPc4iqN27G63tkUkYwcCgFP2utCi2LHA0j4EwKGPeJmQAGwGfJgMa"
     "2Rt9HnjulMJ_cQf1CBHW7AmUlyQ"},
    {"RS384", RSA_PEM,
     "eyJhbGciOiJSUzM4NCIsInR5cCI6IkpXVCJ9.eyJ1c2VyX2lkIjoidTEiLCJ1c2VybmFtZSI6IkFubiIsImV"
     "4cCI6NDEwMjQ0NDgwMH0.p7usrmhYZuLFlYcVmBsiyoTVjD5Ds79GnbNUu6Mbw4milDBfCfQE0dgWJEugSuQ"
     "9jlOCTRJTo1Zw3VKKaw5vU59d9-QnTGUM0fJk39MSeck4xB91JZmza2ZQF8Fk6DsQhbccHbwjEW_JKopLUtL"
     "JM0dSJH1BSNrM5XPR1HPfkyYmmpg11dbcott5EarPUQLjHlc635_aYMQgqQYZMGQa05dTwz9MojBYA6VEYSI"
     "TBUNAcZu8wqq4rpgBN3pgaz9PkaIjXkrWqWOa32xITwaj393HtzIVstajRFeUwddmAzIYlKvJS-UYiMpF0bI"
     "tDAHMil9HstFYLufM_nYubSXuWQ"},
    {"RS512", RSA_PEM,
     "eyJhbGciOiJSUzUxMiIsInR5cCI6IkpXVCJ9.eyJ1c2VyX2lkIjoidTEiLCJ1c2VybmFtZSI6IkFubiIsImV"
     "4cCI6NDEwMjQ0NDgwMH0.Br1ZXgNRna_puouBxAvoV644RIqNc-ClP70voVtKF4t-hlzqEFe2NivsgRAbUOI"
     "7d_4u8Zk7jKP6grK2Ub6eJIAWBLclN1NkAA0HtQ5vOZJaTHveJqFyf54NmBOT_flL9LzdOiItdKoVNHvAC2x"
     "zH7FDgK_gx2zojrYZIcYPnR0yCYl3DvIDxW9gVKL09P2z2Tjym_kfCe4ORqnKQuk42Cnk-N3P8xpNXMtTJCL"
     "Vi8f8ROzP6SDOzdfy8kbWejpOxoJUUmZkFXHlBDpygK8hET7vj9VThyig0sFq3gqFXyOouS3xxnpQGLUASZB"
     "D6n11DsuDJT8Bzx00Wu8PYCrMAg"},
    {"ES256", P256_PEM,
     "eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9.eyJ1c2VyX2lkIjoidTEiLCJ1c2VybmFtZSI6IkFubiIsImV"
     "4cCI6NDEwMjQ0NDgwMH0.poQQW6hnzOlqg6Fx2rRMSDC3jwX5ZM3L2n7U5KNbKpv30HVKfJNEk4rhQmRGDm6"
     "CPLvlx-4OStZF7VAoj1heOA"},
    {"ES384", P384_PEM,
     "eyJhbGciOiJFUzM4NCIsInR5cCI6IkpXVCJ9.eyJ1c2VyX2lkIjoidTEiLCJ1c2VybmFtZSI6IkFubiIsImV"
     "4cCI6NDEwMjQ0NDgwMH0.DQQLGI4gPGz_Aq6HVipbYhe0pbRPVlqHVmZDRqoOdhIWXMQVn579Fk7Bobc5Rzv"
     "3xfs0At9BdtgKyslCdL7zrC-PDQjsbnpyvV5_tgeKIPR6RJEhaqERVuQSXCd4Se20"},
    {"ES512", P521_PEM,
     "eyJhbGciOiJFUzUxMiIsInR5cCI6IkpXVCJ9.eyJ1c2VyX2lkIjoidTEiLCJ1c2VybmFtZSI6IkFubiIsImV"
     "4cCI6NDEwMjQ0NDgwMH0.AQWPY3KLE-tRF705ufY6e-gLToozfRUX6_9FGwzkP2jcQMjTPv7VceXo0QWJMpR"
     "M9XuMIG5L4HkIv7OMQ7OhRRWrAXAsInzxJR9a5RQ3b2PLOS3Va8M14MRZE44WRgN52OKA9_sqDvSKyKdTJqw"
     "C3ZajXcmOXgpeSNgcy_eA9sFBKXZu"},
};

/* HS256 by TOKENS_SECRET: what no library would make. expect is the user_id, or the reason. */
static const struct {
    const char *what;
    const char *expect;
    const char *token;
} tokens_odd[] = {
    {"a claim twice: the last one holds", "u2",
     "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJ1c2VyX2lkIjoidTEiLCJ1c2VybmFtZSI6IkFubiIsInV"
     "zZXJfaWQiOiJ1MiJ9.3M2fF6-YvsWs2r9aH4XvHEyElwfXA2QqVnro1ChgDcU"},
    {"exp twice: the last one holds", "expired",
     "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJ1c2VyX2lkIjoidTEiLCJ1c2VybmFtZSI6IkFubiIsImV"
     "4cCI6NDEwMjQ0NDgwMCwiZXhwIjoxfQ.FDTv2tz9iVEqJgFqAMhUKR5WT6Sn-a3YZN3MgxKHiEQ"},
    {"payload is no JSON", "not a readable JWT",
     "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.aGVsbG8.1bcOJyVl778ASzRr5F_ou3qU53qYwDABDwZmwsL"
     "ttY4"},
    {"payload is an array", "no proper user_id",
     "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.WyJ1c2VyX2lkIl0.f7E2oKbTREjG6uev8AF-VPMHF7M5mGl"
     "DYDGJ9wOL2ac"},
    {"payload is cut off", "not a readable JWT",
     "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJ1c2VyX2lkIjoidTEiLCJ1c2VybmFtZSI6IkFubiI.yjU"
     "N0IbwW57sbiXbNy8Wi1I4upBGvz5qZqWaw7Ohk9o"},
    {"a NUL in user_id", "not a readable JWT",
     "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJ1c2VyX2lkIjoidTFcdTAwMDAiLCJ1c2VybmFtZSI6IkF"
     "ubiJ9.iVGihS_ik5Gm_03PXEPt9bGnfvkuCiPFP1LuRj6HZs8"},
    {"user_id is not UTF-8", "not a readable JWT",
     "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJ1c2VyX2lkIjoidf8iLCJ1c2VybmFtZSI6IkFubiJ9.QB"
     "c31GGhnI7EI0gknUq29bbzbIhw8LpRRC8HPcCD33Q"},
    {"an integer past 64 bits", "not a readable JWT",
     "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJ1c2VyX2lkIjo5MjIzMzcyMDM2ODU0Nzc1ODA3MCwidXN"
     "lcm5hbWUiOiJBbm4ifQ.s_D-MwKn3sSd3zDx3xya0QarvVCxrq4RRDU7DkIxxNc"},
    {"exp past a double", "not a readable JWT",
     "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJ1c2VyX2lkIjoidTEiLCJ1c2VybmFtZSI6IkFubiIsImV"
     "4cCI6MWU0MDB9.sTPqv5qzes0_c3Q6_tvPpdqPnIfkFHKctYYMoCkbn04"},
    {"no alg", "not a readable JWT",
     "eyJ0eXAiOiJKV1QifQ.eyJ1c2VyX2lkIjoidTEiLCJ1c2VybmFtZSI6IkFubiJ9.VyOXOPdDO9iW7j_ueO6n"
     "4-CiWQGsawAU46Xd9Fpn1ic"},
    {"alg of another case", "wrong algorithm",
     "eyJhbGciOiJoczI1NiIsInR5cCI6IkpXVCJ9.eyJ1c2VyX2lkIjoidTEiLCJ1c2VybmFtZSI6IkFubiJ9.XS"
     "ewQju-PucUrgvIc7_Sz8rPQETAdWFS_WED9ek-NVE"},
    {"alg is no string", "not a readable JWT",
     "eyJhbGciOjEsInR5cCI6IkpXVCJ9.eyJ1c2VyX2lkIjoidTEiLCJ1c2VybmFtZSI6IkFubiJ9.j8qsLyLN2x"
     "hJXeevsteXB_t-ZW5yZM6DlTsg3qM82vc"},
    {"typ is not JWT", "not a readable JWT",
     "eyJhbGciOiJIUzI1NiIsInR5cCI6ImF0K2p3dCJ9.eyJ1c2VyX2lkIjoidTEiLCJ1c2VybmFtZSI6IkFubiJ"
     "9.bXsRdeKxfsvjY5kmDkLl8O6oC7cdCcV-NuB30Gu6pjQ"},
    {"no typ", "u1",
     "eyJhbGciOiJIUzI1NiJ9.eyJ1c2VyX2lkIjoidTEiLCJ1c2VybmFtZSI6IkFubiJ9.DGQqCAzg1zkE8arUwj"
     "RTxAXSl-7r2-3W8MS3mFUC6rs"},
    {"header is no JSON", "not a readable JWT",
     "eyJhbGciOiJIUzI1NiI.eyJ1c2VyX2lkIjoidTEiLCJ1c2VybmFtZSI6IkFubiJ9.-1RCqN0VL23J5uGbZy7"
     "BMXlTiw2mFYAQVu1ebE5WUkA"},
    {"nested deep", "u1",
     "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJ1c2VyX2lkIjoidTEiLCJ1c2VybmFtZSI6IkFubiIsIng"
     "iOltbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tdXV1dXV1dXV1dXV1dXV1dXV1dXV1"
     "dXV1dXV1dXV1dXV1dXV1dXV1dfQ.MorCfwpfXz0MFHOGFGLWQN0cM6bmUGUlbjq5Y8u59bk"},
    {"alg twice: the last one holds", "u1",
     "eyJhbGciOiJub25lIiwidHlwIjoiSldUIiwiYWxnIjoiSFMyNTYifQ.eyJ1c2VyX2lkIjoidTEiLCJ1c2Vyb"
     "mFtZSI6IkFubiJ9.nnB07V5znJpAljDqx8hXo2UgObxeXVqk7e05BdjRaRw"},
    {"crit", "critical extension",
     "eyJhbGciOiJIUzI1NiIsImNyaXQiOlsiZXhwIl19.eyJ1c2VyX2lkIjoidTEiLCJ1c2VybmFtZSI6IkFubiJ"
     "9.K-W6PPWmJpn6nou8U2HUaG_5YllmfmVo0j_81qSufsk"},
};

#endif
