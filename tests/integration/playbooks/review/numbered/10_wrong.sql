CREATE INDEX "Sale_status_idx" ON "Sale" ("status");
CREATE TABLE `Note` (id INT AUTO_INCREMENT PRIMARY KEY);
