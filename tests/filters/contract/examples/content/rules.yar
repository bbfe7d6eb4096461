// For the tests: content that no sample has, and one that a mutated sample may come to have.

rule executable
{
    strings:
        $dos = "This program cannot be run in DOS mode"
    condition:
        $dos or uint16(0) == 0x5A4D
}

rule shell_in_text
{
    strings:
        $line = "#!/bin/sh"
        $fetch = /(curl|wget) https?:\/\/[a-z0-9.]{1,64}/ nocase
    condition:
        any of them
}
